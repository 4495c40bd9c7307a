"""The rules of one action, their diagrams bound so that they can be evaluated on frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sidecar.bundle import Entry
from sidecar.diagram.nodes import Node, Test
from sidecar.diagram.paths import RESOURCE, SUBJECT, Member, Path
from sidecar.diagram.questions import Exists, Present, Question
from sidecar.engine.always_on import Existence, existence_of_resource
from sidecar.engine.evaluator import Evaluator, evaluate
from sidecar.engine.frame import Frame
from sidecar.engine.paths import Reader
from sidecar.engine.validity import Moments
from sidecar.errors import BadRowError
from sidecar.model import Window
from sidecar.schema import Action, EntityType

Evaluate = Callable[[Frame], Any]
"""Returns True, False or `FAULT` for a frame; of a joint diagram the value of its leaf."""


class BoundRule(NamedTuple):
    """One rule of an action."""

    kind: str
    """``allow``, ``forbid`` or ``oblige``."""
    code: str
    """The reason or the obligation; empty for ``allow``."""
    evaluate: Evaluate | None
    """None where the interpreter has to evaluate the rule."""


@dataclass(frozen=True, slots=True)
class BoundRules:
    """All rules of one action. A grant is evaluated only where no always-on rule denies."""

    grant: BoundRule
    forbids: tuple[BoundRule, ...]
    obliges: tuple[BoundRule, ...]
    allowed: Evaluate | None
    """Granted and not forbidden as one diagram; None where the rules are evaluated one by one."""
    asks_oso: bool
    """Whether the interpreter evaluates one of the rules, which takes long."""
    ordinary: bool
    """Whether the action is declared and does not create its resource."""
    moments: Moments
    """Between which the rules stay what they are, unless one of them asks Oso."""

    def window(self, frame: Frame) -> Window | None:
        """Return between which instants the decision stays the same, or None if unknown."""
        try:
            return None if self.asks_oso else self.moments.window(frame)
        except BadRowError:  # on another path than the one that was taken
            return None


class RuleBinder:
    """Binds the rules of actions for one type of subject and one type of resource."""

    def __init__(
        self, reader: Reader, tests: tuple[Test, ...], subject: EntityType, resource: EntityType
    ) -> None:
        self._reader = reader
        self._tests = tests
        self._subject = subject
        self._resource = resource
        self._evaluators: dict[frozenset[Question], Evaluator] = {}
        self._bound: dict[tuple[frozenset[Question], int], Evaluate] = {}

    def bind(self, entry: Entry, action: Action | None) -> BoundRules:
        """Bind the rules of an action; None stands for an undeclared one."""
        assumed = self.assumed(action)
        grant = BoundRule("allow", "", self._evaluate(entry.granted, assumed))
        forbids = tuple(self._coded("forbid", entry.forbids))
        obliges = tuple(self._coded("oblige", entry.obliges))
        roots = (entry.granted, *entry.forbids.values(), *entry.obliges.values())
        return BoundRules(
            grant=grant,
            forbids=forbids,
            obliges=obliges,
            allowed=self._evaluate(entry.allowed, assumed),
            asks_oso=any(rule.evaluate is None for rule in (grant, *forbids, *obliges)),
            ordinary=action is not None and not action.creates,
            moments=Moments(self._reader, self._tests, [root for root in roots if root]),
        )

    def assumed(self, action: Action | None) -> frozenset[Question]:
        """Return the questions whose answer is yes wherever a grant is evaluated."""
        certain: dict[Path, EntityType] = {SUBJECT: self._subject}
        if existence_of_resource(self._resource, action) is Existence.REQUIRED:
            certain[RESOURCE] = self._resource
        keys = {  # an entity that exists has a key
            Present(Member(path, column))
            for path, declared in certain.items()
            for column in declared.key
        }
        return frozenset({*map(Exists, certain), *keys})

    def _coded(self, kind: str, diagrams: Mapping[str, Node | None]) -> Iterator[BoundRule]:
        for code, root in diagrams.items():
            yield BoundRule(kind, code, self._evaluate(root, frozenset()))

    def _evaluate(self, root: Node | None, assumed: frozenset[Question]) -> Evaluate | None:
        """Bind a diagram; equal diagrams are one function, by which searches share work."""
        if root is None:
            return None
        known = self._bound.get((assumed, root.number))
        if known is None:
            if assumed not in self._evaluators:
                self._evaluators[assumed] = Evaluator(self._reader, self._tests, assumed)
            known = partial(evaluate, self._evaluators[assumed].bind(root))
            self._bound[assumed, root.number] = known
        return known
