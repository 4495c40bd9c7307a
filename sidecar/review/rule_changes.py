"""What an edit changes of roles, helper rules and prohibitions, told once for all their uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import Node
from sidecar.diagram.path_types import paths_of
from sidecar.diagram.paths import Literal, depth
from sidecar.diagram.questions import RuleHolds
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Scope
from sidecar.review.clauses import Clause
from sidecar.review.condition_cover import MOST_NODES, Covering
from sidecar.review.named_rules import NOW, REASON, ROLE, Name, UnnamedError

Alternatives = tuple[tuple[Clause, ...], ...]
"""In words: one of these applies, and of it everything holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """A role, a helper rule or a prohibition that holds elsewhere than before."""

    rule: str
    """``plan_holds(account)``, ``role admin on account``, ```archived```."""
    kind: str
    """`ROLE`, `RULE`, `REASON` or `OBLIGATION`."""
    subject: str
    resource: str
    actions: tuple[str, ...]
    """Of a prohibition, or of a rule that looks at the action."""
    places: tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
    """Files and lines of its clauses, before and after the edit."""
    gained: Alternatives
    """When it now holds too."""
    lost: Alternatives
    """When it held before."""
    unlisted: str
    """Why the conditions cannot be listed; empty where they are."""
    follows: bool
    """Whether it says the same itself, and changes since a rule that it calls does."""


class RuleChanges:
    """Gathers the rules that changed, each for the plainest of its operands."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], tuple[int, RuleChange]] = {}

    def found(self) -> tuple[RuleChange, ...]:
        """Return them, first those that changed of themselves, then those that follow them."""
        return tuple(
            sorted((each for _, each in self._found.values()), key=lambda each: each.follows)
        )

    def add(self, covering: Covering, scope: Scope, changes: Iterable[Node]) -> None:
        """Add the rules because of which an edit changes what it changes.

        Args:
            covering: Covers regions of the pair of types.
            scope: The types of subject and resource.
            changes: What changes, by the names of rules.
        """
        telling = _Telling(covering, scope)
        for change in telling.told(changes):
            key: tuple[object, ...] = (change.kind, change.rule.partition("(")[0])
            if change.kind == REASON:
                key = (*key, change.gained, change.lost)
            elif change.kind == ROLE:
                key = (change.kind, change.rule.partition(" on ")[0], telling.type_of(change))
            steps = telling.depth_of(change)
            known = self._found.get(key)
            if known is not None and known[1].kind == REASON and known[1].resource == scope[1]:
                actions = tuple(dict.fromkeys((*known[1].actions, *change.actions)))
                self._found[key] = (steps, _with_actions(known[1], actions))
            elif known is None or steps < known[0]:
                self._found[key] = (steps, change)


def _with_actions(change: RuleChange, actions: tuple[str, ...]) -> RuleChange:
    return RuleChange(
        **{name: getattr(change, name) for name in change.__slots__} | {"actions": actions}
    )


class _Telling:
    def __init__(self, covering: Covering, scope: Scope) -> None:
        self._covering = covering
        self._rules = covering.rules
        self._scope = scope
        self._steps: dict[int, int] = {}
        self._types: dict[int, str] = {}

    def type_of(self, change: RuleChange) -> str:
        """Return the type of what a role is a role on; empty where it is no entity."""
        return self._types[id(change)]

    def depth_of(self, change: RuleChange) -> int:
        """Return how far from subject and resource that is what the rule is about."""
        return self._steps[id(change)]

    def told(self, changes: Iterable[Node]) -> Iterator[RuleChange]:
        """Yield each rule that changed, those first that are met first."""
        waiting = list(self._changed_names(changes))
        met: set[tuple[object, ...]] = set()
        while waiting:
            name = waiting.pop(0)
            key = (*name.key, name.call[2] if name.kind == REASON else None)
            if key in met:
                continue
            met.add(key)
            bodies = list(self._bodies(name))
            waiting += self._changed_names(bodies)
            change = self._change(name, bodies)
            self._steps[id(change)] = sum(
                depth(each) for each in name.operands if not isinstance(each, Literal)
            )
            types = paths_of(self._covering.schema, *self._scope)
            entities = map(types.entity_at, name.operands)
            self._types[id(change)] = " ".join(each.name for each in entities if each is not None)
            yield change

    def _changed_names(self, nodes: Iterable[Node]) -> Iterator[Name]:
        trees = self._covering.regions.trees
        tests = {node.test for node in trees.reachable(list(nodes)) if node.branches}
        for test in sorted(tests):
            question = trees.tests[test].question
            if isinstance(question, RuleHolds):
                name = self._rules.names.get(question)
                if name is not None and name.side != NOW:
                    yield name

    def _bodies(self, name: Name) -> Iterator[Node]:
        try:
            for side in (OLD_SIDE, NEW_SIDE):
                yield self._rules.words_of(side, name.call)
        except UnnamedError:
            return

    def _change(self, name: Name, bodies: list[Node]) -> RuleChange:
        regions = self._covering.regions
        follows = self._rules.follows(name.call)
        gained: Alternatives = ()
        lost: Alternatives = ()
        unlisted = ""
        if not follows and len(bodies) > 1:
            try:
                with regions.trees.bounded(MOST_NODES):
                    old, new = bodies
                    differing = [regions.minus(new, old), regions.minus(old, new)]
            except TooLargeError as error:
                unlisted = str(error)
            else:
                listings = [self._covering.listed(each) for each in differing]
                gained, lost = (listing.clauses for listing in listings)
                unlisted = next((e.unlisted for e in listings if e.unlisted), "")
        return RuleChange(
            rule=self._covering.title(name),
            kind=name.kind,
            subject=self._scope[0],
            resource=self._scope[1],
            actions=(name.call[2],) if name.kind == REASON and name.call[2] else (),
            places=(
                self._rules.places(OLD_SIDE, name.call),
                self._rules.places(NEW_SIDE, name.call),
            ),
            gained=gained,
            lost=lost,
            unlisted=unlisted,
            follows=follows,
        )
