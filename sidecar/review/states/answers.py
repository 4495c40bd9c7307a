"""What is said of one test: which of its outcomes are left."""

from __future__ import annotations

from dataclasses import dataclass, field

from sidecar.diagram.nodes import Label, Test


@dataclass(frozen=True, slots=True)
class Answered:
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

    def is_within(self, other: Answered) -> bool:
        """Tell whether this answer to a test leaves nothing that another does not leave."""
        return self.labels == other.labels and self.outcomes <= other.outcomes

    @property
    def labelled(self) -> tuple[Label, ...]:
        """The labels of the outcomes that are left; of a text without any other."""
        return tuple(label for at, label in enumerate(self.labels) if at in self.outcomes)

    @property
    def is_other(self) -> bool:
        """Of a text: whether it may be none of the literals."""
        return len(self.labels) in self.outcomes


def outcomes_of(test: Test, labels: tuple[Label, ...]) -> range:
    """Return the places of all outcomes that a test with these labels has."""
    return range(len(labels) + (test.outcomes != "finite"))
