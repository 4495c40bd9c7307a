"""One question put to Oso at request time, rule by rule as it would have been compiled.

Each rule is asked on its own, through all of its clauses and once for the same operands: so the
answer depends on no order, a fault in one clause is not hidden by another, and references that
lead through many entities cost their sum and not their product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from sidecar.compiler.operands import operands_of_call
from sidecar.compiler.oso import LoadedPolicy
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.pack import PackTexts
from sidecar.compiler.presence import Answers
from sidecar.compiler.program import Clause, Program
from sidecar.compiler.query_trees import Action
from sidecar.compiler.selection import operand_types
from sidecar.compiler.symbols import TooDeep, Unexplorable
from sidecar.diagram.path_types import paths_of
from sidecar.diagram.paths import Member, Operand, Path, operands_of, within
from sidecar.errors import PolicyFault
from sidecar.polar.names import Names

LIVE_DEPTH = 100
"""Steps to a fact when Oso is asked at request time; references that go round end here."""


Loaded = tuple[Names, Program, LoadedPolicy]
Call = tuple[str, tuple[Operand, ...]]
"""A rule's name with the number of its parameters, ``plan_holds__1``, and its operands."""
R = TypeVar("R")
"""What is found of a rule."""


def answer(
    asked: Mapping[str, Any], pack: PackTexts, loaded: Loaded, answers: LiveAnswers
) -> dict[str, object]:
    """Answer one question of a serving process, through all clauses of its rule.

    Returns:
        Plain data: ``holds``, or ``fault`` where one of the clauses fails, or ``data_fault`` where
        the facts are at fault.
    """
    answering = Answering(loaded, pack, answers, asked)
    operands = operands_of(asked["code"])
    holds = False
    for clause in answering.matching(asked["rule"], operands):
        try:
            holds = answering.judge([clause], operands) or holds
        except TooDeep as error:
            return {"data_fault": f"{clause.file}:{clause.line}: {error}"}
        except (PolicyFault, Unexplorable) as error:
            return {"fault": f"{clause.file}:{clause.line}: {error}"}
    return {"holds": holds}


class LiveAnswers(Answers, Protocol):
    """The facts of a request."""

    def key(self, path: Path) -> object:
        """Return the key of the entity that a reference names, as JSON has it."""


class RuleByRule(ABC, Generic[R]):
    """Asks Oso about rules for one kind of request, each once for the same operands."""

    def __init__(
        self, loaded: Loaded, pack: PackTexts, answers: LiveAnswers, asked: Mapping[str, Any]
    ) -> None:
        """Prepare to ask.

        Args:
            loaded: The policy.
            pack: Its texts.
            answers: Who answers what Oso asks about the facts.
            asked: A query of the engine (`sidecar.engine.policy.Query`).
        """
        names, self.program, self.policy = loaded
        self.subject, self.resource = asked["subject"], asked["resource"]
        declared = names.schema.types[self.resource].actions.get(asked["action"])
        action: Action = (asked["action"], declared.properties if declared else {})
        self.symbols = (names, pack.settings, self.policy.things, answers, action)
        """What symbols mean (`sidecar.compiler.semantics.Look`)."""
        self.found: dict[Call, R] = {}
        self._paths = paths_of(names.schema, self.subject, self.resource)
        self._open: set[Call] = set()
        self._facts = answers
        self._met: dict[tuple[str, str], Operand] = {}
        """The first path to each entity that a reference names, by its type and its key."""

    @abstractmethod
    def judge(self, clauses: Sequence[Clause], operands: tuple[Operand, ...]) -> R:
        """Ask about all of these clauses of one rule."""

    def matching(self, rule: str, operands: tuple[Operand, ...]) -> Sequence[Clause]:
        """Return the clauses of a rule that may hold for its operands."""
        return self.program.matching(rule, operands, operand_types(self._paths, operands))

    def rule(self, rule: str, operands: tuple[Operand, ...]) -> R:
        """Return what is found of a rule; its name ends in the number of its parameters.

        Raises:
            PolicyFault: Where it calls itself with the same operands.
        """
        call = (rule, operands)
        if call in self._open:
            raise PolicyFault("the rule calls itself with the same arguments", rule)
        if call not in self.found:
            self._open.add(call)
            try:
                clauses = self.matching(rule.rpartition("__")[0], operands)
                self.found[call] = self.judge(clauses, operands)
            finally:
                self._open.discard(call)
        return self.found[call]

    def operands_of(self, rule: str, values: tuple[object, ...]) -> tuple[Operand, ...] | None:
        """Return the operands of a call; None where the rule cannot be asked alone.

        Raises:
            PolicyFault: Where references have led round in a circle.
        """
        operands = operands_of_call(values)
        if operands is None:
            return None
        met = tuple([self._first_path(each) for each in operands])
        if met != operands and (rule, met) in self._open:
            raise PolicyFault("references lead back to where they began; a circle?", rule)
        return met

    def _first_path(self, operand: Operand) -> Operand:
        """Return the first path that led to the entity at a path.

        So a rule is asked once about an entity to which references lead on many ways. All facts of
        what a reference names follow from its key, apart from how many references of a declared
        depth led to it.
        """
        if not isinstance(operand, Member) or (found := self._paths.entity_at(operand)) is None:
            return operand
        if any(
            isinstance(path, Member)
            and self._paths.entity_at(path) is not None
            and self._paths.attribute(path).depth
            for path in within(operand)
        ):
            return operand
        key = self._facts.key(operand)
        return operand if key is None else self._met.setdefault((found.name, str(key)), operand)


class Answering(RuleByRule[bool]):
    """Tells whether rules hold."""

    def judge(self, clauses: Sequence[Clause], operands: tuple[Operand, ...]) -> bool:
        """Tell whether one of the clauses holds; each is asked, so that no fault is hidden.

        Raises:
            PolicyFault: Where one of them fails.
            Unexplorable: Where Oso gives up, or references lead too far.
        """
        answers = [self._clause(each, operands) for each in clauses]
        return any(answers)

    def _clause(self, clause: Clause, operands: tuple[Operand, ...]) -> bool:
        asking = Asking(*self.symbols, self._via, LIVE_DEPTH)
        return self.policy.ask(asking, clause.name, self.subject, self.resource, operands)

    def _via(self, rule: str, values: tuple[object, ...]) -> bool | None:
        operands = self.operands_of(rule, values)
        return None if operands is None else self.rule(rule, operands)
