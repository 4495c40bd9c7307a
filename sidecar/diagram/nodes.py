"""What compiled trees are made of: nodes, the tests that they make, and their three leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sidecar.diagram.questions import Question
from sidecar.schema.model import Kind

Label = Any


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


@dataclass(frozen=True, slots=True)
class Test:
    """What a node looks at. `outcomes` says how its labels are to be read."""

    question: Question
    """``exists``, ``present``, ``value``, ``order``, ``same``, ``includes``; ``text``, ``number``
    with a path stand for all questions about one fact and literals."""
    outcomes: str
    """``finite``: one label a branch; ``text``: literals, then any other; ``number``: cuts."""
    kind: Kind | None = None
    """Of a number: how its literals are read."""
