"""One tree for many actions: which of them are allowed, found by one walk.

What is permitted on a resource costs as much as one decision then, and not one for each action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import LEAF, TRUE, Node, Test

MOST_WORK = 20_000
"""Nodes that are put beside each other to join all trees; more of them are asked one by one."""

_DEEPEST = 200
"""Tests on one way through the joint tree: each is a call in a call while it is made."""

_FIRST_LEAF = 1 << 40
"""Its number: no node of a policy has it."""


class _TooMuchError(Exception):
    """The trees have too little in common to be joined."""


class Joint:
    """The joint tree of several trees; its leaves say at which of them a walk ends with yes."""

    def __init__(self, trees: Mapping[str, Node], tests: tuple[Test, ...]) -> None:
        """Join trees of one pair of types.

        Args:
            trees: By name.
            tests: Of the policy.
        """
        self.leaves: dict[int, tuple[str, ...]] = {}
        """Which trees hold there, by the number of the leaf; names are in the order of `trees`."""
        self.root: Node | None = None
        """None where the trees have too little in common."""
        # Equal trees are one object, and most actions share theirs with others.
        self._each = list({node.number: node for node in trees.values()}.values())
        places = {node.number: at for at, node in enumerate(self._each)}
        self._names = [(name, places[node.number]) for name, node in trees.items()]
        self._trees = Trees()
        self._trees.tests = list(tests)
        self._known: dict[tuple[int, ...], Node] = {}
        self._work = 0
        try:
            self.root = self._join(self._each, 0)
        except _TooMuchError:
            return

    def _join(self, nodes: Sequence[Node], depth: int) -> Node:
        """Return the tree that goes on as all of these do."""
        key = tuple(node.number for node in nodes)
        known = self._known.get(key)
        if known is not None:
            return known
        self._work += len(nodes)
        if self._work > MOST_WORK or depth > _DEEPEST:
            raise _TooMuchError
        test = min(node.test for node in nodes)
        if test == LEAF:
            made = self._leaf(nodes)
        else:
            labels, columns = self._trees.align(test, nodes)
            made = self._trees.node(test, labels, [self._join(each, depth + 1) for each in columns])
        self._known[key] = made
        return made

    def _leaf(self, nodes: Sequence[Node]) -> Node:
        leaf = Node(LEAF, (), (), _FIRST_LEAF + len(self.leaves))
        self.leaves[leaf.number] = tuple(name for name, at in self._names if nodes[at] is TRUE)
        return leaf
