"""What is left of lines that were not written as a whole, until a line tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sidecar.decision_log.place import Place
from sidecar.decision_log.whole_line import fits

MOST_KEPT = 1_000
"""Torn lines that are kept."""

BEGIN_BYTES = 80
"""Kept of a torn line: more than the head of a line has."""


class _Torn(NamedTuple):
    place: Place
    length: int
    begin: bytes


class TornLines:
    """Torn lines of which no line tells yet."""

    def __init__(self) -> None:
        self.accounted = 0
        """Torn lines that are accounted for."""
        self._pending: list[_Torn] = []

    @property
    def is_full(self) -> bool:
        """Whether as many are kept as there may be."""
        return len(self._pending) >= MOST_KEPT

    def keep(self, place: Place, line: bytes) -> None:
        """Keep a line, its end left out."""
        self._pending.append(_Torn(place, len(line), line[:BEGIN_BYTES]))

    def account_for(self, length: int, head: bytes) -> bool:
        """Tell whether a line of a chain that was torn is there; it is dropped.

        Args:
            length: In bytes.
            head: What the lines of its chain begin with.
        """
        for torn in self._pending:
            if torn.length == length and fits(torn.begin, head):
                self._pending.remove(torn)
                self.accounted += 1
                return True
        return False

    def unexplained(
        self, heads: Mapping[str, bytes], begins_chain: Callable[[bytes], bool]
    ) -> Iterator[Place]:
        """Yield the places of lines that no process that has died can have left.

        Args:
            heads: How the next line of each open chain begins, by its name: each leaves one.
            begins_chain: Tells whether a line begins like the first of a chain that is not there.
        """
        left = dict(heads)
        for torn in self._pending:
            name = next((name for name, head in left.items() if fits(torn.begin, head)), None)
            if name is not None:
                del left[name]
            elif not begins_chain(torn.begin):
                yield torn.place
                continue
            self.accounted += 1
