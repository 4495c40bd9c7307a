"""What one subject may do on one resource: every action of the type at once, and on what it rests.

What a caller sends is open: where it matters, an action is allowed under a condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.bundle import Entry, RuleDiagram
from sidecar.diagram.diagram import TooLargeError, Trees
from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.diagram.nodes import FAULT as FAULT_LEAF
from sidecar.diagram.paths import Operand, Path
from sidecar.diagram.questions import Present, facts_of
from sidecar.engine.policy import Policy
from sidecar.review.access.grounds import ROLE, GivenBy, GroundsFinder, given_by
from sidecar.review.access.rule_calls import text_of_literal
from sidecar.review.access.state_tree import Ask
from sidecar.review.access.stored_state import StoredState
from sidecar.review.conditions import Outcomes, branches_of
from sidecar.review.phrases import Wording
from sidecar.review.regions import Cube, merged
from sidecar.schema.messages import quoted

MOST_NODES = 10_000
"""Of the diagram of one condition on what a caller sends."""
MOST_WAYS = 8
"""Ways to an allow by what a caller sends that are listed."""
Clauses = tuple[tuple[str, ...], ...]
"""In words: one of these, and of each all clauses."""
ALWAYS: Clauses = ((),)
_ENTRY_POINTS = frozenset({"allow", "forbid", "oblige", "has_permission"})
"""What is true of them is no condition, but the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class ActionAccess:
    """An action that is allowed, always or under a condition on what the caller sends."""

    name: str
    when: Clauses
    """`ALWAYS`, or the conditions."""
    unlisted: bool
    """Whether there are more conditions than are listed."""
    obligations: tuple[str, ...]
    """What the caller must do along with it, or may have to, by what it sends."""
    given_by: tuple[GivenBy, ...]
    through: tuple[GivenBy, ...]
    allowed: Node
    """Where it is allowed, as a diagram of tests of what the caller sends."""

    @property
    def is_certain(self) -> bool:
        """Whether it is allowed whatever the caller sends."""
        return self.when == ALWAYS


@dataclass(frozen=True, slots=True, eq=False)
class PairAccess:
    """What is allowed in one state of subject and resource; shared by all pairs in that state."""

    actions: tuple[ActionAccess, ...]
    """Those that are allowed, in the order of the schema."""
    rows: tuple[Path, ...]
    """The entities of whose rows the clauses read that give it."""

    @property
    def given_by(self) -> tuple[GivenBy, ...]:
        """The clauses that give any of the actions."""
        return tuple(sorted({each for action in self.actions for each in action.given_by}))

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles by which they are given, without those that follow from another one."""
        return tuple(dict.fromkeys(each.role for each in self.given_by if each.role is not None))


NOTHING = PairAccess((), ())


class PairDecider:
    """Makes the access of a state from the outcomes of tests."""

    def __init__(
        self,
        policy: Policy,
        scope: tuple[str, str],
        actions: Sequence[str],
        finder: GroundsFinder,
    ) -> None:
        """Prepare to decide.

        Args:
            policy: Loaded with the diagrams of its single rules.
            scope: The types of subject and resource.
            actions: Names of actions whose rules are compiled, none of which creates.
            finder: Finds the clauses that give an allow.
        """
        self._policy = policy
        self._entries = {name: policy.entry(*scope, name) for name in actions}
        self._finder = finder
        self._trees = Trees()
        self._trees.tests = list(policy.tests)
        self._wording = Wording(policy.schema, scope)
        self._rules = [
            each
            for each in policy.explored
            if not each.file
            and (each.subject, each.resource) == scope
            and each.rule not in _ENTRY_POINTS
        ]
        """All clauses of a rule together."""
        self._any = self._any_action()

    def access(self, ask: Ask) -> PairAccess:
        """Return what is allowed where subject and resource exist."""
        state = StoredState(self._trees, ask)
        if state.left(self._any) is FALSE:  # by few tests, as of most pairs
            return NOTHING
        found: list[ActionAccess] = []
        giving: dict[RuleDiagram, None] = {}
        for name, entry in self._entries.items():
            access = self._action(name, entry, state)
            if access is not None:
                found.append(access[0])
                giving |= dict.fromkeys(access[1])
        if not found:
            return NOTHING
        # A rule that only says where a role counts may read rows that give nothing.
        certain = [each for each in giving if state.is_certain(each)]
        telling = [each for each in certain if each.rule == ROLE] or certain
        rows = dict.fromkeys(row for clause in telling for row in self._rows(clause, state))
        return PairAccess(tuple(found), tuple(rows))

    def _any_action(self) -> Node:
        """Return a diagram that holds wherever an action is allowed, of fewer tests than all."""
        trees = self._trees
        found = FALSE
        try:
            with trees.bounded(MOST_NODES):
                for entry in self._entries.values():
                    root = entry.granted if entry.allowed is None else entry.allowed
                    found = trees.either(found, trees.settle(self._taken(root, {}), TRUE))
        except TooLargeError:
            return TRUE
        return found

    def _taken(self, root: Node | None, known: dict[int, Node]) -> Node:
        """Return a diagram of the policy among the own ones."""
        assert root is not None  # noqa: S101 - of a compiled action
        for node in self._trees.reachable([root]):
            known[node.number] = (
                self._trees.place(
                    node.test, node.labels, [known[below.number] for below in node.branches]
                )
                if node.branches
                else node
            )
        return known[root.number]

    def _action(
        self, name: str, entry: Entry, state: StoredState
    ) -> tuple[ActionAccess, tuple[RuleDiagram, ...]] | None:
        trees = self._trees
        assert entry.granted is not None  # noqa: S101 - of a compiled action
        unlisted = False
        with trees.bounded(MOST_NODES):
            try:
                allowed = self._allowed(entry, state)
            except TooLargeError:
                return self._told(name, entry, state, FALSE, ((), True))
        if allowed is FALSE:
            return None
        when, unlisted = self._conditions(allowed)
        if when != ALWAYS and (clauses := self._by_a_rule(allowed, name, state)):
            when, unlisted = (clauses,), False
        return self._told(name, entry, state, allowed, (when, unlisted))

    def _told(
        self,
        name: str,
        entry: Entry,
        state: StoredState,
        allowed: Node,
        conditions: tuple[Clauses, bool],
    ) -> tuple[ActionAccess, tuple[RuleDiagram, ...]]:
        grounds = self._finder.grounds(name, state.can_hold)
        access = ActionAccess(
            name,
            *conditions,
            tuple(code for code, node in entry.obliges.items() if node and state.can(node)),
            given_by(grounds.giving, state.is_certain),
            given_by(grounds.through, state.is_certain),
            allowed,
        )
        return access, grounds.giving

    def _allowed(self, entry: Entry, state: StoredState) -> Node:
        """Return where an action is granted and not forbidden, and no rule fails."""
        trees = self._trees
        allowed = trees.settle(state.left(entry.granted), FALSE)
        for forbid in entry.forbids.values():
            allowed = trees.choose(trees.settle(state.left(forbid), TRUE), FALSE, allowed)
        for oblige in entry.obliges.values():  # one that fails denies
            left = state.left(oblige)
            if left is FAULT_LEAF or trees.can_fail(left):
                fails = trees.settle(trees.choose(left, FALSE, FALSE), TRUE)
                allowed = trees.choose(fails, FALSE, allowed)
        return allowed

    def _conditions(self, allowed: Node) -> tuple[Clauses, bool]:
        """Return in words when a caller gets an allow, and whether that is not all."""
        if allowed is TRUE:
            return ALWAYS, False
        ways: list[Cube] = []
        for way in _ways_to_yes(self._policy, allowed, {}):
            if len(ways) > MOST_WAYS * MOST_WAYS:
                return (), True
            ways.append(way)
        listed = merged(ways)
        clauses = tuple(tuple(map(self._wording.answered, _telling(way))) for way in listed)
        return clauses[:MOST_WAYS], len(clauses) > MOST_WAYS

    def _by_a_rule(self, allowed: Node, action: str, state: StoredState) -> tuple[str, ...]:
        """Return the condition as a call of a rule, behind what has to be sent; empty if none is.

        A rule says in its own words what may be many conditions.
        """
        calls: dict[Node, str] = {}
        for rule in self._rules:
            if rule.action in {None, action} and rule.root is not None:
                call = f"{rule.rule}({', '.join(map(self._operand, rule.operands))})"
                node = self._trees.settle(state.left(rule.root), FALSE)
                calls[node] = min(call, calls.get(node, call), key=lambda each: (len(each), each))
        node, clauses = allowed, list[str]()
        while node.branches and node not in calls:
            test = self._policy.tests[node.test]
            ways = [each for each in branches_of(test, node) if each[1] is not FALSE]
            if len(ways) > 1:
                return ()
            ((outcomes, branch),) = ways
            clauses.append(self._wording.answered(Outcomes(test, node.labels, outcomes)))
            node = branch
        return (*clauses, calls[node]) if node.branches else ()

    def _operand(self, operand: Operand) -> str:
        text = text_of_literal(operand)
        return self._wording.path(operand) if text is None else quoted(text)

    def _rows(self, clause: RuleDiagram, state: StoredState) -> Iterator[Path]:
        if clause.root is not None:
            for node in state.path(clause.root):
                yield from self._finder.rows(self._policy.tests[node.test].question)


def _ways_to_yes(policy: Policy, node: Node, way: dict[int, Outcomes]) -> Iterator[Cube]:
    if node is TRUE:
        yield dict(way)
    for outcomes, branch in branches_of(policy.tests[node.test], node) if node.branches else ():
        way[node.test] = Outcomes(policy.tests[node.test], node.labels, outcomes)
        yield from _ways_to_yes(policy, branch, way)
        del way[node.test]


def _telling(way: Cube) -> list[Outcomes]:
    """Return the answers of a way without those that follow from another: what has a value is."""
    answers = [way[index] for index in sorted(way)]
    read = {
        path
        for each in answers
        if not isinstance(each.test.question, Present)
        for path in facts_of(each.test.question)
    }
    return [
        each
        for each in answers
        if not (
            isinstance(each.test.question, Present)
            and each.labelled == (True,)
            and each.test.question.path in read
        )
    ]
