"""Conditions on a state: outcomes of tests, and rows that are there or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sidecar.diagram.nodes import Label, Node, Test
from sidecar.diagram.paths import Path, json_form


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One test with the outcomes that it may have; never none, and never all of them."""

    test: Test
    labels: tuple[Label, ...]
    """As `Node.labels`; of a text or a number there is one outcome more than labels."""
    outcomes: frozenset[int]
    """Places of outcomes: of a finite test of its labels; of a text of its literals, and behind
    them any other; of a number of the intervals between its cuts."""

    _hash: int = field(init=False, repr=False, compare=False)
    """Sets of answers are looked up all the time, and questions are deep."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.test.question, self.labels, self.outcomes)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def labelled(self) -> tuple[Label, ...]:
        """The labels of the outcomes that are left; of a text without any other."""
        return tuple(label for at, label in enumerate(self.labels) if at in self.outcomes)

    @property
    def opposite(self) -> Outcomes:
        """The same test with all its other outcomes."""
        every = frozenset(outcomes_of(self.test, self.labels))
        return Outcomes(self.test, self.labels, every - self.outcomes)

    @property
    def is_other(self) -> bool:
        """Of a text: whether it may be none of the literals."""
        return len(self.labels) in self.outcomes


@dataclass(frozen=True, slots=True)
class RowOf:
    """Whether the mount has a row of an entity, which may exist without one."""

    path: Path
    holds: bool


Condition = Outcomes | RowOf
"""What has to hold in a state."""


def outcomes_of(test: Test, labels: tuple[Label, ...]) -> range:
    """Return the places of all outcomes that a test with these labels has."""
    return range(len(labels) + (test.outcomes != "finite"))


def branches_of(test: Test, node: Node) -> Iterator[tuple[frozenset[int], Node]]:
    """Yield the branches of a node, each once, with all outcomes that lead to it."""
    together: dict[int, tuple[set[int], Node]] = {}
    for at in outcomes_of(test, node.labels):
        branch = node.branches[at]
        together.setdefault(branch.number, (set(), branch))[0].add(at)
    for outcomes, branch in together.values():
        yield frozenset(outcomes), branch


def order_of(condition: Condition) -> tuple[bool, bytes]:
    """Return a sort key that is the same in each run."""
    if isinstance(condition, RowOf):
        return True, json_form(condition.path)
    return False, json_form(condition.test.question)
