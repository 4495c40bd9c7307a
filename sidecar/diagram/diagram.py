"""Decision trees as shared graphs: reduced, ordered, and joined outside Oso.

A node tests one thing and has a branch for each outcome. Tests are put in one order (that in which
they were first met), equal nodes are one object, and a node whose branches agree is left out; so
joining two trees costs the product of their sizes at worst, and equal decisions are equal objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sidecar.diagram.nodes import FALSE, FAULT, LEAVES, TRUE, Label, Node, Test
from sidecar.diagram.paths import Path
from sidecar.diagram.questions import (
    ORDERS,
    YES_NO,
    Above,
    Answer,
    AtLeast,
    Equals,
    NumberOf,
    Order,
    Present,
    Question,
    TextOf,
    value_of,
)
from sidecar.errors import SidecarError
from sidecar.schema.model import Kind

MAXIMUM_NODES = 400_000
"""Nodes of all trees of one policy; more is a policy that nobody can review either."""


class TooLargeError(SidecarError):
    """The trees of this policy do not fit into the bound."""


def test_of(question: Question) -> Test:
    """Return the test that answers a question about facts."""
    match question:
        case Equals(path):
            return Test(TextOf(path), "text")
        case AtLeast(path, _, kind) | Above(path, _, kind):
            return Test(NumberOf(path), "number", kind)
        case _:
            return Test(question, "finite")


class Trees:
    """All nodes of one policy, and the operations on them."""

    def __init__(self) -> None:
        self.tests: list[Test] = []
        self.scope: tuple[str, str] = ("", "")
        """The types of subject and resource that are explored: each pair has an order of its own,
        since a fact that one type always has, another may lack."""
        self._index: dict[tuple[tuple[str, str], Test], int] = {}
        self._nodes: dict[tuple[int, tuple[Label, ...], tuple[int, ...]], Node] = {}
        self._placed: dict[tuple[int, tuple[Label, ...], tuple[int, ...]], Node] = {}
        self._chosen: dict[tuple[int, ...], Node] = {}
        self._either: dict[tuple[int, int], Node] = {}
        self._assumed: dict[tuple[int, frozenset[int]], Node] = {}
        self._failing: dict[int, bool] = {}
        self._settled: dict[tuple[int, int], Node] = {}
        self._most = MAXIMUM_NODES
        self.is_full = False
        """Whether a bound has ever been met."""

    @staticmethod
    def leaf(holds: bool) -> Node:  # noqa: FBT001 - the leaf of a truth
        """Return the leaf that is always, or never, true."""
        return TRUE if holds else FALSE

    def branch(self, question: Question, branches: Mapping[Answer, Node]) -> Node:
        """Return the tree that asks `question` and goes on in the branch of its answer."""
        test, labels, order = self._basic(question, tuple(branches))
        if len(branches) == 1:
            return next(iter(branches.values()))
        selector = [branches[answer] for answer in order]
        return self.place(test, labels, selector)

    @property
    def size(self) -> int:
        """How many nodes have been made."""
        return len(self._nodes)

    def forget_order(self) -> None:
        """Give the tests of the pair of types that is explored new places when they are met."""
        self._index = {key: at for key, at in self._index.items() if key[0] != self.scope}

    def meet(self, question: Question, answers: Sequence[Answer]) -> None:
        """Give a question its place in the order of tests, if it has none yet.

        Questions are met in the order in which Oso asks: whether a fact is there before what it
        is. So no tree looks at a fact that is absent.
        """
        self._basic(question, tuple(answers))

    def choose(self, condition: Node, yes: Node, no: Node) -> Node:
        """Return `yes` where `condition` holds, `no` where it does not, a fault where it fails."""
        if condition in LEAVES:
            return {FALSE: no, TRUE: yes, FAULT: FAULT}[condition]
        if yes is TRUE and no is FALSE:
            return condition
        if yes is no and yes is FAULT:
            return yes
        key = (condition.number, yes.number, no.number)
        if key not in self._chosen:
            test = min(condition.test, yes.test, no.test)
            labels, columns = self.align(test, (condition, yes, no))
            self._chosen[key] = self.node(
                test, labels, [self.choose(*column) for column in columns]
            )
        return self._chosen[key]

    def either(self, left: Node, right: Node) -> Node:
        """Return what holds where one of the two holds, and fails where one of them fails."""
        if left is right or right is FALSE or left is FAULT:
            return left
        if left is FALSE or right is FAULT:
            return right
        if left is TRUE and right is TRUE:
            return TRUE
        low, high = sorted((left, right), key=lambda node: node.number)
        key = (low.number, high.number)
        if key not in self._either:
            test = min(low.test, high.test)
            labels, columns = self.align(test, (low, high))
            self._either[key] = self.node(
                test, labels, [self.either(*column) for column in columns]
            )
        return self._either[key]

    def find(self, test: Test) -> int | None:
        """Return the place of a test of the pair of types that is explored; None without one."""
        return self._index.get((self.scope, test))

    def assume_present(self, node: Node, paths: Iterable[Path]) -> Node:
        """Return the tree where the facts at these paths have a value."""
        places = (self.find(Test(Present(path), "finite")) for path in paths)
        return self._assume(node, frozenset(place for place in places if place is not None))

    def _assume(self, node: Node, tests: frozenset[int]) -> Node:
        """Return the tree where these tests are answered with yes."""
        if not node.branches or not tests:
            return node
        key = (node.number, tests)
        if key not in self._assumed:
            branches = [self._assume(branch, tests) for branch in node.branches]
            if node.test in tests:
                self._assumed[key] = branches[node.labels.index(True)]
            else:
                self._assumed[key] = self.node(node.test, node.labels, branches)
        return self._assumed[key]

    def settle(self, node: Node, failing: Node) -> Node:
        """Return a tree that comes to another leaf where it fails."""
        if node is FAULT:
            return failing
        if not node.branches or not self.can_fail(node):
            return node
        key = (node.number, failing.number)
        if key not in self._settled:
            branches = [self.settle(branch, failing) for branch in node.branches]
            self._settled[key] = self.node(node.test, node.labels, branches)
        return self._settled[key]

    def can_fail(self, node: Node) -> bool:
        """Tell whether a tree has a leaf where the policy fails."""
        if node.number not in self._failing:
            fails = node is FAULT or any(self.can_fail(branch) for branch in node.branches)
            self._failing[node.number] = fails
        return self._failing[node.number]

    def reachable(self, roots: Sequence[Node]) -> Iterator[Node]:
        """Yield every node below `roots` once, branches before the nodes that lead to them."""
        seen: set[int] = set()
        stack = [(root, False) for root in roots]
        while stack:
            node, ready = stack.pop()
            if ready:
                yield node
            elif node.number not in seen:
                seen.add(node.number)
                stack.append((node, True))
                stack.extend((branch, False) for branch in node.branches)

    def place(self, test: int, labels: tuple[Label, ...], branches: Sequence[Node]) -> Node:
        """Make a node whose branches may test what comes before it in the order."""
        first = min(branch.test for branch in branches)
        if test < first:
            return self.node(test, labels, branches)
        key = (test, labels, tuple(branch.number for branch in branches))
        if key not in self._placed:
            self._placed[key] = self._place_below(first, test, labels, branches)
        return self._placed[key]

    def _place_below(
        self, first: int, test: int, labels: tuple[Label, ...], branches: Sequence[Node]
    ) -> Node:
        if test == first:
            # The same test again, below itself: each branch goes on as its own outcome says.
            selector = Node(test, labels, tuple(branches), -1)
            merged, columns = self.align(test, (selector, *branches))
            kept = [column[1 + branches.index(column[0])] for column in columns]
            return self.node(test, merged, kept)
        common, columns = self.align(first, tuple(branches))
        return self.node(first, common, [self.place(test, labels, column) for column in columns])

    def _basic(
        self, question: Question, answers: tuple[Answer, ...]
    ) -> tuple[int, tuple[Label, ...], tuple[Answer, ...]]:
        """Return the test of a question, its labels, and its answers in their order."""
        index = self.index_of(test_of(question))
        match question:
            case Equals(text=text):
                return index, (text,), (True, False)
            case AtLeast(limit=limit) | Above(limit=limit):
                return index, ((limit, isinstance(question, Above)),), (False, True)
            case Order():
                return index, ORDERS, ORDERS
            case _:
                labels = YES_NO if set(answers) <= set(YES_NO) else answers
                return index, labels, labels

    def index_of(self, test: Test) -> int:
        """Return the place of a test in the order; the next one where it has none yet."""
        key = (self.scope, test)
        if key not in self._index:
            self._index[key] = len(self.tests)
            self.tests.append(test)
        return self._index[key]

    def node(self, test: int, labels: tuple[Label, ...], branches: Sequence[Node]) -> Node:
        """Return the one node with these branches, or the branch on which they all agree."""
        outcomes = self.tests[test].outcomes
        if outcomes == "text":
            other = branches[-1]
            kept = [
                (label, branch)
                for label, branch in zip(labels, branches, strict=False)
                if branch is not other
            ]
            labels, branches = (
                tuple(label for label, _ in kept),
                [*(branch for _, branch in kept), other],
            )
        elif outcomes == "number":
            merged = [branches[0]]
            cuts = []
            for cut, branch in zip(labels, branches[1:], strict=True):
                if branch is not merged[-1]:
                    cuts.append(cut)
                    merged.append(branch)
            labels, branches = tuple(cuts), merged
        if all(branch is branches[0] for branch in branches):
            return branches[0]
        key = (test, labels, tuple(branch.number for branch in branches))
        node = self._nodes.get(key)
        if node is None:
            if len(self._nodes) >= self._most:
                self.is_full = True
                raise TooLargeError("its decision diagram exceeds the limit")
            node = self._nodes[key] = Node(
                test, labels, tuple(branches), len(self._nodes) + len(LEAVES)
            )
        return node

    @contextmanager
    def bounded(self, nodes: int) -> Iterator[None]:
        """Let what is done meanwhile make at most so many nodes.

        One region that is too large then leaves room for all others, whatever it has made.
        """
        before = self._most
        self._most = len(self._nodes) + nodes
        try:
            yield
        finally:
            self._most = before

    def align(
        self, test: int, nodes: Sequence[Node]
    ) -> tuple[tuple[Label, ...], list[tuple[Node, ...]]]:
        """Return labels that divide `nodes` alike, and for each outcome where each node goes on."""
        here = [node for node in nodes if node.test == test]
        declared = self.tests[test]
        if declared.outcomes == "finite":
            labels = here[0].labels
            columns = range(len(labels))
            return labels, [
                tuple(n.branches[i] if n.test == test else n for n in nodes) for i in columns
            ]
        if declared.outcomes == "text":
            labels = tuple(sorted({label for node in here for label in node.labels}))
            tables = [
                dict(zip(n.labels, n.branches, strict=False)) if n.test == test else None
                for n in nodes
            ]
            rows = [
                tuple(
                    n if table is None else table.get(label, n.branches[-1])
                    for n, table in zip(nodes, tables, strict=True)
                )
                for label in labels
            ]
            return labels, [
                *rows,
                tuple(
                    n if t is None else n.branches[-1] for n, t in zip(nodes, tables, strict=True)
                ),
            ]
        return self._align_cuts(declared, test, nodes, here)

    def _align_cuts(
        self, declared: Test, test: int, nodes: Sequence[Node], here: Sequence[Node]
    ) -> tuple[tuple[Label, ...], list[tuple[Node, ...]]]:
        kind = declared.kind or Kind.DECIMAL
        cuts = tuple(
            sorted(
                {cut for node in here for cut in node.labels},
                key=lambda cut: (value_of(kind, cut[0]), cut[1]),
            )
        )
        places = [{cut: at for at, cut in enumerate(node.labels)} for node in nodes]
        positions = [0] * len(nodes)
        columns = []
        for cut in (None, *cuts):
            for at, node in enumerate(nodes):
                if node.test == test and cut in places[at]:
                    positions[at] = places[at][cut] + 1
            columns.append(
                tuple(
                    n.branches[positions[i]] if n.test == test else n for i, n in enumerate(nodes)
                )
            )
        return cuts, columns
