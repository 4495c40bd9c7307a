"""Regions: sets of states, as trees whose yes-leaves are in them, for one pair of types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import FALSE, FAULT, LEAVES, TRUE, Label, Node, Test
from sidecar.diagram.presupposition import presupposed
from sidecar.diagram.questions import YES_NO, RuleHolds
from sidecar.review.aligned_diagrams import Joined, Scope
from sidecar.review.conditions import Condition, Outcomes, RowOf, branches_of, outcomes_of
from sidecar.review.example import Example
from sidecar.review.formulas import FALSE as NO
from sidecar.review.formulas import TRUE as YES
from sidecar.review.formulas import Term

Cube = Mapping[int, Outcomes]
"""Conditions that hold together: the place of a test to the outcomes that it may have."""


class Regions:
    """Operations on regions, knowing which states can be."""

    def __init__(self, joined: Joined, scope: Scope) -> None:
        self.trees: Trees = joined.trees
        self.states = joined.states(scope)
        self.scope = scope
        self._named = joined.named
        self._simpler: dict[tuple[int, int], Node] = {}
        self._known_regions: dict[tuple[int, frozenset[tuple[int, Outcomes]]], Node] = {}
        self._known_ways: dict[int, tuple[tuple[Outcomes, Node], ...]] = {}
        self._leading: dict[int, Term] = {}
        """Nodes to what the solver calls that they lead to yes, in one session."""
        self._session = 0
        joined.trees.scope = scope

    def both(self, left: Node, right: Node) -> Node:
        """Return the states in both regions."""
        return self.trees.choose(left, right, FALSE)

    def minus(self, left: Node, right: Node) -> Node:
        """Return the states in the left region, and not in the right one."""
        return self.trees.choose(right, FALSE, left)

    def outside(self, region: Node) -> Node:
        """Return the states outside a region."""
        return self.trees.choose(region, FALSE, TRUE)

    def is_empty(self, *regions: Node, where: Collection[Condition] = ()) -> bool:
        """Tell whether no state that can be is in all of these regions and meets all conditions.

        The solver joins them at less cost than trees do.
        """
        return self.conflict(*regions, where=where) is not None

    def are_alike(self, one: Node, other: Node) -> bool:
        """Tell whether two regions hold the same states that can be."""
        if one is other:
            return True
        return self.is_empty(self.minus(one, other)) and self.is_empty(self.minus(other, one))

    def conflict(self, *regions: Node, where: Collection[Condition]) -> frozenset[Condition] | None:
        """Return conditions that no state in all of these regions meets; None where one does.

        Those about names are never among them.
        """
        self.states.tidy()
        named = [each for each in where if self._root(each) is not None]
        plain = where if not named else [each for each in where if self._root(each) is None]
        return self.states.conflict(
            plain, [*map(self._leads, regions), *(self._leads(self._holds(e)) for e in named)]
        )

    def _root(self, condition: Condition) -> Node | None:
        """Return where the rule holds whose name a condition is about; None of any other."""
        if isinstance(condition, RowOf) or not isinstance(condition.test.question, RuleHolds):
            return None
        return self._named[self.scope, condition.test.question]

    def _holds(self, condition: Condition) -> Node:
        """Return where a condition about a name holds."""
        root = self._root(condition)
        assert root is not None  # noqa: S101 - of such conditions only
        yes = isinstance(condition, Outcomes) and condition.labelled == (True,)
        return root if yes else self.outside(root)

    def cubes(
        self, region: Node, *beside: Node, where: Collection[Condition] = ()
    ) -> Iterator[Cube]:
        """Yield the ways to the yes-leaves of a region that can be, each a cube.

        Args:
            region: The region.
            beside: Other regions; each way holds a state that is in all of them.
            where: Conditions that this state meets.
        """
        yield from self._cubes(region, {}, (beside, where))

    def region(self, cube: Cube) -> Node:
        """Return the region of a cube: where its answers can be given, and are these."""
        key = (len(self.trees.tests), frozenset(cube.items()))
        known = self._known_regions.get(key)
        if known is None:
            known = self._known_regions[key] = self._region(cube)
        return known

    def _region(self, cube: Cube) -> Node:
        found = TRUE
        for index in sorted(cube, reverse=True):
            answered = cube[index]
            places = outcomes_of(answered.test, answered.labels)
            branches = [found if at in answered.outcomes else FALSE for at in places]
            found = self.trees.place(index, answered.labels, branches)
        for guard in self._guards(cube):
            found = self.trees.place(guard, YES_NO, (found, FALSE))
        return found

    def _guards(self, cube: Cube) -> list[int]:
        """Return the tests that a cube answers with yes without saying so.

        What has a role exists. A tree knows nothing of it, and would take the rest for left over.
        """
        self.trees.scope = self.scope
        found = set()
        for answered in cube.values():
            for question in presupposed(answered.test.question):
                test = Test(question, "finite")
                place = self.trees.find(test)
                if place is None or place in cube or place in found:
                    continue
                denied = Outcomes(test, YES_NO, frozenset({YES_NO.index(False)}))
                if self.is_empty(where=[*cube.values(), denied]):
                    found.add(place)
        return sorted(found, reverse=True)

    def example(self, cube: Cube) -> Example | None:
        """Return a mount and a request in a cube; None where there is none."""
        return self.states.example(cube.values())

    def simplify(self, region: Node, care: Node) -> Node:
        """Return a tree that is the region where `care` holds, and as small as may be elsewhere."""
        if care is TRUE or region in LEAVES or care in LEAVES:
            return region
        if region is care:
            return TRUE
        key = (region.number, care.number)
        if key not in self._simpler:
            self._simpler[key] = self._simplified(region, care)
        return self._simpler[key]

    def labels(self, region: Node) -> dict[int, tuple[Label, ...]]:
        """Return the tests that a tree looks at, each with the labels of all its nodes."""
        nodes: dict[int, list[Node]] = {}
        for node in self.trees.reachable([region]):
            if node.branches:
                nodes.setdefault(node.test, []).append(node)
        return {test: self.trees.align(test, nodes[test])[0] for test in sorted(nodes)}

    def tests(self, region: Node) -> frozenset[int]:
        """Return the tests that a tree looks at."""
        return frozenset(node.test for node in self.trees.reachable([region]) if node.branches)

    def size(self, region: Node) -> int:
        """Return how many nodes a tree has."""
        return sum(1 for node in self.trees.reachable([region]) if node.branches)

    def _simplified(self, region: Node, care: Node) -> Node:
        test = min(region.test, care.test)
        labels, columns = self.trees.align(test, (region, care))
        if region.test > test:
            # The region does not look at this: what matters in any branch matters.
            wider = FALSE
            for _, each in columns:
                wider = self.trees.either(wider, each)
            return self.simplify(region, wider)
        kept = [None if each is FALSE else self.simplify(own, each) for own, each in columns]
        # A branch that nobody cares for follows its neighbour, so that the node may go.
        known = [each for each in kept if each is not None]
        fallback = known[-1]
        return self.trees.place(test, labels, [fallback if each is None else each for each in kept])

    def _cubes(
        self,
        node: Node,
        path: dict[int, Outcomes],
        within: tuple[Sequence[Node], Collection[Condition]],
    ) -> Iterator[Cube]:
        """Go down each way that leads to a yes-leaf in a state that can be."""
        beside, where = within
        if self.is_empty(node, *beside, where=(*where, *path.values())):
            return
        if node is TRUE:
            yield dict(path)
            return
        for answered, branch in self._ways(node):
            path[node.test] = answered
            yield from self._cubes(branch, path, within)
        path.pop(node.test, None)

    def _leads(self, node: Node) -> Term:
        """Return what the solver calls that a node leads to yes."""
        if self._session != self.states.session:
            self._session = self.states.session
            self._leading = {TRUE.number: YES, FALSE.number: NO, FAULT.number: NO}
        known = self._leading.get(node.number)
        if known is None:
            ways = [
                (
                    answered
                    if self._root(answered) is None
                    else self._leads(self._holds(answered)),
                    self._leads(branch),
                )
                for answered, branch in self._ways(node)
            ]
            known = self._leading[node.number] = self.states.leading(ways)
        return known

    def _ways(self, node: Node) -> tuple[tuple[Outcomes, Node], ...]:
        """Return the branches of a node, each with all outcomes that lead to it."""
        known = self._known_ways.get(node.number)
        if known is None:
            test = self.trees.tests[node.test]
            known = self._known_ways[node.number] = tuple(
                (Outcomes(test, node.labels, outcomes), branch)
                for outcomes, branch in branches_of(test, node)
            )
        return known


def merged(ways: list[Cube]) -> list[Cube]:
    """Join ways that differ in the outcomes of one test; those that say least come first.

    Where it may have any outcome, the way says nothing of it any more.
    """
    left = list(ways)
    joined = True
    while joined:
        joined = False
        for at, one in enumerate(left):
            for other in left[at + 1 :]:
                both = _either(one, other)
                if both is not None:
                    left[at] = both
                    left.remove(other)
                    joined = True
                    break
            if joined:
                break
    return sorted(left, key=len)


def _either(one: Cube, other: Cube) -> Cube | None:
    if one.keys() != other.keys():
        return None
    differing = [test for test in one if one[test] != other[test]]
    if len(differing) != 1:
        return one if not differing else None
    left, right = one[differing[0]], other[differing[0]]
    if left.labels != right.labels:
        return None
    outcomes = left.outcomes | right.outcomes
    if len(outcomes) == len(outcomes_of(left.test, left.labels)):
        return {test: answered for test, answered in one.items() if test != differing[0]}
    return {**one, differing[0]: Outcomes(left.test, left.labels, outcomes)}
