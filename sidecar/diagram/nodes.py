"""What compiled trees are made of: nodes, the tests that they make, and their three leaves."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from sidecar.diagram.questions import Tested
from sidecar.schema.model import Kind

Label = Any
"""An outcome, a literal, or a cut: a limit, and whether the numbers behind it lie above it."""


class Node:
    """One test and its branches, or one of the three leaves."""

    __slots__ = ("branches", "labels", "number", "test")

    def __init__(
        self, test: int, labels: tuple[Label, ...], branches: tuple[Node, ...], number: int
    ) -> None:
        self.test = test
        """Index into `Trees.tests`; beyond all others for a leaf."""
        self.labels = labels
        """Outcomes; of a text the literals, of a number the cuts: they have one more branch."""
        self.branches = branches
        self.number = number

    def __repr__(self) -> str:
        return f"Node({self.number})"


LEAF = 1 << 60
FALSE = Node(LEAF, (), (), 0)
TRUE = Node(LEAF, (), (), 1)
FAULT = Node(LEAF, (), (), 2)
"""The policy fails here: in a grant nothing is granted, in a prohibition it denies."""
LEAVES = (FALSE, TRUE, FAULT)


class Test(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, cache_hash=True):
    """What a node tests."""

    question: Tested
    outcomes: Literal["finite", "text", "number"]
    """How labels are to be read. ``finite``: one label a branch; ``text``: literals, then any
    other; ``number``: cuts."""
    kind: Kind | None = None
    """Of a number: how its literals are read."""
