"""What the suites of a policy try: the rules that hold in a cell, and the ways through its trees.

A way leads from the root of a tree to a leaf; it is followed where the facts of a cell answer every
test on it so. Ways that no state can follow are not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecar.bundle import UNDECLARED_ACTION, RuleDiagram
from sidecar.diagram.nodes import Node
from sidecar.diagram.paths import RESOURCE, SUBJECT, Literal
from sidecar.diagram.questions import Exists
from sidecar.engine import Frame, RequestKind, kind_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError, InvalidSnapshotError
from sidecar.facts import Snapshot
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.diagram_paths import Tree, Walks, Way, answers_of, trees_of
from sidecar.review.phrases import Wording
from sidecar.review.suite_case import Desk, case_to_follow
from sidecar.review.witness import Witness
from sidecar.suites import Cell, Suite
from sidecar.suites.runner import cells_with_facts

_PERMISSION = "has_permission"
MOST_WAYS = 500
"""Of one tree, beside those that a cell follows; more are not looked for."""


@dataclass(frozen=True, slots=True, order=True)
class Clause:
    """One rule where it stands."""

    file: str
    line: int
    rule: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Untried:
    """A way that no cell follows."""

    tree: Tree
    way: Way
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the suites of a pack try."""

    clauses: int
    idle: tuple[Clause, ...]
    """Those that hold in no cell."""
    unknown: tuple[Clause, ...]
    """Those that were not explored whole, and are not counted."""
    ways: int
    untried: tuple[Untried, ...]
    cut: int
    """Trees with more ways than are looked for."""


class Covered:
    """A pack with its suites asked, so that it can be told what they try."""

    def __init__(self, policy: Policy, suites: Sequence[Suite], worlds: Path) -> None:
        """Put all cells to all trees.

        Args:
            policy: Loaded for review.
            suites: Its suites.
            worlds: Where their worlds stand.

        Raises:
            InvalidSuiteError: Suites cannot be used.
            InvalidSnapshotError: A world cannot be read.
        """
        self._policy = policy
        names = {case.name for suite in suites for case in suite.cases}
        self._desk = Desk(suites, worlds, names)
        self._walks: dict[Scope, Walks] = {}
        self._trees = tuple(trees_of(policy))
        self._followed: dict[Tree, set[tuple[int, ...]]] = {tree: set() for tree in self._trees}
        self._of_scope: dict[Scope, list[Tree]] = defaultdict(list)
        for tree in self._trees:
            self._of_scope[tree.scope].append(tree)
        self._idle: dict[Clause, bool] = {}
        """Of each clause whether no cell has made it true yet."""
        self._unknown: set[Clause] = set()
        self._clauses: dict[tuple[str, str, str | None], list[tuple[Clause, Node]]]
        self._clauses = defaultdict(list)
        for each in policy.explored:
            if each.file:
                clause = Clause(each.file, each.line, each.rule, each.number)
                if each.root is None:
                    self._unknown.add(clause)
                    continue
                self._idle[clause] = True
                key = (each.subject, each.resource, each.action or _permission(policy, each))
                self._clauses[key].append((clause, each.root))
        for cell, snapshot in cells_with_facts(suites, policy, worlds):
            self._put(cell, snapshot)

    def coverage(self) -> Coverage:
        """Return what the cells try."""
        ways = cut = 0
        untried: list[Untried] = []
        for tree in self._trees:
            walks, followed = self._walks_of(tree.scope), self._followed[tree]
            wording = Wording(self._policy.schema, tree.scope)
            left: list[Untried] = []
            for way in walks.ways(tree):
                if way.nodes in followed:
                    continue
                if len(left) == MOST_WAYS:
                    cut += 1
                    break
                said = tuple(wording.answered(answered) for answered in way.answers)
                left.append(Untried(tree=tree, way=way, conditions=said))
            untried += left
            ways += len(followed) + len(left)
        # A clause of which one use was not explored may hold there, and nobody can say so.
        unknown = {each for each in self._unknown if self._idle.get(each, True)}
        counted = self._idle.keys() - unknown
        return Coverage(
            clauses=len(counted),
            idle=tuple(sorted(each for each in counted if self._idle[each])),
            unknown=tuple(sorted(unknown)),
            ways=ways,
            untried=tuple(untried),
            cut=cut,
        )

    def cases(self, untried: Sequence[Untried]) -> Iterator[str]:
        """Yield cases to paste, each of which follows a way that no cell and no earlier one does.

        There is none for a way of which no mount and no request could be made up.
        """
        for each in untried:
            if each.way.nodes in self._followed[each.tree]:
                continue
            case = self._case(each)
            if case is not None:
                yield case

    def _case(self, untried: Untried) -> str | None:
        tree, way = untried.tree, untried.way
        witness = self._witness(tree, way)
        if witness is None:
            return None

        def follows(cell: Cell, snapshot: Snapshot) -> bool:
            frame = self._frame(cell, snapshot)
            return frame is not None and self._walks_of(tree.scope).taken(tree, frame) == way.nodes

        sentence = "\n#   ".join((f"follows `{tree.what}` where", *untried.conditions))
        found = case_to_follow(witness, sentence, self._policy, self._desk, follows)
        if found is None:
            return None
        case, cells = found
        for cell, snapshot in cells:
            self._put(cell, snapshot)
        return case

    def _witness(self, tree: Tree, way: Way) -> Witness | None:
        """Return a state that follows a way; of somebody who is there, where that can be."""
        there = list(answers_of({Exists(path): True for path in (SUBJECT, RESOURCE)}))
        needed = (*answers_of(tree.known), *way.answers)
        policy, states = self._policy, self._walks_of(tree.scope).states
        for wished in (there, there[:1], []):
            together = tuple(dict.fromkeys((*needed, *wished)))
            if wished and not states.possible(together):
                continue
            example = states.example(together)
            if example is None:
                continue
            action = tree.actions[0]
            try:
                snapshot = example.snapshot(policy.schema)
                expected = authorize(example.asking(action), policy, snapshot, example.now)
            except (InvalidSnapshotError, InvalidRequestError):  # no mount and no caller says it
                continue
            return Witness(example=example, action=action, expected=expected)
        return None

    def _put(self, cell: Cell, snapshot: Snapshot) -> None:
        """Remember what a cell makes true and which ways it follows."""
        frame = self._frame(cell, snapshot)
        if frame is None:
            return
        scope = (cell.subject.type, cell.resource.type)
        walks = self._walks_of(scope)
        action = cell.action
        if (*scope, action) not in self._policy.entries:
            action = UNDECLARED_ACTION
        for key in ((*scope, None), (*scope, action)):
            for clause, root in self._clauses.get(key, ()):
                if self._idle[clause] and walks.holds(root, frame):
                    self._idle[clause] = False
        for tree in self._of_scope[scope]:
            if action in tree.actions:
                nodes = walks.taken(tree, frame)
                if nodes is not None:
                    self._followed[tree].add(nodes)

    def _frame(self, cell: Cell, snapshot: Snapshot) -> Frame | None:
        kind: RequestKind | None = kind_of(cell.subject.type, cell.resource.type, self._policy)
        if kind is None:
            return None
        try:
            return Walks.prepared(kind.frame(cell.request(), snapshot, cell.case.now))
        except InvalidRequestError:  # nothing is decided, so nothing is tried
            return None

    def _walks_of(self, scope: Scope) -> Walks:
        if scope not in self._walks:
            self._walks[scope] = Walks(self._policy, scope)
        return self._walks[scope]


def _permission(policy: Policy, clause: RuleDiagram) -> str | None:
    """Return the action that a clause is about which looks at no other; None: any.

    What is said of a permission on the resource itself is tried where that is asked for: its facts
    may be true in a question about another permission, which never comes to it.
    """
    match clause.operands:
        case (_, Literal(text), operand) if clause.rule == _PERMISSION and operand == RESOURCE:
            name = text.partition(" ")[2]  # behind the type of the literal
            return name if name in policy.schema.types[clause.resource].actions else None
    return None
