"""What the follower of a source lets all workers know: its last look, and its problems.

Revision and time are one machine word, which is written and read as a whole, so that no worker
sees the time of one revision with another.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from sidecar.errors import Problem
from sidecar.reload.shared_pair import SharedPart

_NUMBER_BITS = 24
_NUMBERS = (1 << _NUMBER_BITS) - 1
_MILLISECONDS = 1000


class SharedLook(NamedTuple):
    """A completed look."""

    number: int
    """The last bits of the number of the newest revision; 0 before there is one."""
    moment: float
    """When the source was last seen to hold it, in seconds of the clock of the boot."""


class SharedLooks:
    """Shared memory of the processes that are forked later."""

    def __init__(self) -> None:
        """Reserve the memory."""
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._words = memoryview(self._memory).cast("Q")
        self._problems = SharedPart("problems")

    def word(self) -> int:
        """Return a number that differs for different revisions; 0 before there is one."""
        return self._words[0] & _NUMBERS

    def look(self) -> SharedLook:
        """Return the last look."""
        word = self._words[0]
        if not word:
            return SharedLook(0, -inf)
        return SharedLook(word & _NUMBERS, (word >> _NUMBER_BITS) / _MILLISECONDS)

    def publish(self, number: int, moment: float) -> None:
        """Record that a source held a revision at a time."""
        word = max(int(moment * _MILLISECONDS), 0) << _NUMBER_BITS | last_bits(number)
        self._words[0] = word

    def withdraw(self) -> None:
        """Record that there is no revision: workers must not read what they have open."""
        self._words[0] = 0

    def report(self, moment: float, problems: Sequence[Problem]) -> None:
        """Record why the newest facts are not in use."""
        with self._problems.locked():
            self._problems.write(moment, tuple(problems))

    def problems(self) -> tuple[Problem, ...]:
        """Return the reported problems."""
        with self._problems.locked():
            kept = self._problems.read()
        return () if kept is None else kept[1]


def last_bits(number: int) -> int:
    """Return what a look has of the number of a revision; never 0."""
    return number % _NUMBERS + 1
