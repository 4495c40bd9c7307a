"""Diagrams in one state of the stored facts: what is left of them are tests of what is sent."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.bundle import RuleDiagram
from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import FALSE, LEAVES, TRUE, Node
from sidecar.diagram.nodes import FAULT as FAULT_LEAF
from sidecar.review.access.state_tree import FAULT, OPEN, Ask


class StoredState:
    """Diagrams where the outcomes of the tests of stored facts are known."""

    def __init__(self, trees: Trees, ask: Ask) -> None:
        self._trees, self._ask = trees, ask
        self._left: dict[Node, Node] = {}
        """By nodes and not by their numbers: those of two `Trees` have the same."""

    def left(self, root: Node | None) -> Node:
        """Return what is left of a diagram: its tests of what a caller sends."""
        assert root is not None  # noqa: S101 - of a compiled action
        *_, node = self.path(root, to_open=True)
        if node in LEAVES:
            return node
        if node not in self._left:
            branches = [self.left(branch) for branch in node.branches]
            self._left[node] = self._trees.place(node.test, node.labels, branches)
        return self._left[node]

    def path(self, root: Node, *, to_open: bool = False) -> Iterator[Node]:
        """Yield the nodes of the way through a diagram, its leaf or the first open test last."""
        node = root
        while node.branches:
            outcome = self._ask(node)
            if outcome == OPEN:
                break
            if not to_open:
                yield node
            node = FAULT_LEAF if outcome == FAULT else node.branches[outcome]
        if to_open or node.branches:
            yield node

    def can_hold(self, clause: RuleDiagram) -> bool:
        """Tell whether a clause holds, or may, by what the caller sends."""
        return clause.root is None or self.can(clause.root)

    def is_certain(self, clause: RuleDiagram) -> bool:
        """Tell whether a clause holds whatever the caller sends."""
        return clause.root is not None and self.left(clause.root) is TRUE

    def can(self, root: Node) -> bool:
        """Tell whether a diagram can come to yes."""
        return self._trees.settle(self.left(root), FALSE) is not FALSE
