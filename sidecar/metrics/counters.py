"""What one process counts.

A cell has one writer: the event loop, the thread that holds the lock of what is counted, or the
process, where it has only one thread. So no count is lost, and none needs a lock of its own.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from sidecar.metrics.catalog import (
    BUCKETS,
    DURATIONS,
    LISTS,
    METRICS,
    OTHER,
    REJECTIONS,
    RESPONSES,
    Kind,
    Metric,
)
from sidecar.metrics.decisions import DecisionClasses
from sidecar.metrics.layout import BUCKET_CELLS, CODES, HISTOGRAM_CELLS, UNREAD, Layout
from sidecar.metrics.memory import Block, Memory

_OK = 200
_SHORTEST = BUCKETS[0]
_SUM = HISTOGRAM_CELLS - 1
_FIRST = str(CODES[0])
_OFFSETS: Mapping[int, int] = {code: at for at, code in enumerate(CODES)}
"""Where the cell of a status is, from that of the first."""

_CELLS_A_DECISION = 4
"""So many cells are published together in the time that publishing one of them takes."""


class Counted(Protocol):
    """A decision of the cache."""

    @property
    def cell(self) -> int:
        """The cell that counts it."""


class Tally(NamedTuple):
    """What a response counts as that has any number of decisions or lists."""

    cached: Sequence[Counted] = ()
    """Decisions of the cache."""
    cells: Sequence[int] = ()
    """The cells of all else, one for each."""


Answering: TypeAlias = Callable[[str, int, int | Tally, float], None]
"""Counts a response: to the path of its request, with a status, with the cell of its decision or
the tally of several, and with the seconds since the request had arrived."""


class Counters:
    """The counts of the process that it is used in."""

    def __init__(self, memory: Memory | None = None) -> None:
        """Count in the first block of a memory, that of the master, until `begin`.

        Args:
            memory: What the processes share; without it nobody else sees the counts.
        """
        self.memory = memory or Memory(Layout((), ()))
        self.layout = layout = self.memory.layout
        self._endpoints = {
            endpoint: (layout.cell(DURATIONS, endpoint), layout.cell(RESPONSES, endpoint, _FIRST))
            for endpoint in layout.endpoints
        }
        self._unread = self._endpoints[UNREAD][1]
        self._causes = {labels[0]: cell for labels, cell in layout.cells(REJECTIONS)}
        self.list_cell = layout.cell(LISTS, "cache")
        """The cell of a list of permissions of the cache; that of a new one is the one before."""
        self.begin(0)

    def begin(self, number: int | None) -> None:
        """Count in a block from now on, in a process that has just been forked.

        Args:
            number: Of the block, which no other process has that runs; None where there is none
                left: then nobody sees the counts.
        """
        block = Memory(self.layout).block(0) if number is None else self.memory.block(number)
        self._counts = block.counts
        self._classes = classes = DecisionClasses(block, self.memory.first_class)
        self.answer = _answering(block, self._endpoints, self.layout.prefixes, classes)
        """Counts the response to a request, in the event loop: see `Answering`."""
        self.decision_cell = classes.cell
        """Returns the cell of a decision of the cache (`DecisionClasses.cell`), in any thread."""
        self.denial_cell = classes.denial_cell
        """Returns the cell of a denial that no policy has made, likewise."""
        for metric in METRICS:  # those of the process before
            if metric.kind is Kind.GAUGE:
                for labels, _ in self.layout.cells(metric):
                    self.set(metric, *labels, number=0)

    # --- responses, by the event loop -------------------------------------------------------------

    def unread(self, status: int) -> None:
        """Count the response to what could not be read."""
        self._counts[self._unread + _OFFSETS.get(status, len(CODES))] += 1

    def reject(self, cause: str) -> None:
        """Count an error response by its cause."""
        self._counts[self._causes.get(cause, self._causes[OTHER])] += 1

    # --- all else, each by one thread at a time -------------------------------------------------

    def add(self, metric: Metric, *labels: str, number: int = 1) -> None:
        """Count an event, or several."""
        self._counts[self.layout.cell(metric, *labels)] += number

    def set(self, metric: Metric, *labels: str, number: int) -> None:
        """Record a number."""
        self._counts[self.layout.cell(metric, *labels)] = number


def _answering(
    block: Block,
    endpoints: Mapping[str, tuple[int, int]],
    prefixes: Collection[str],
    classes: DecisionClasses,
) -> Answering:
    """Return a function that has at hand what it needs: each look-up costs as much as a count.

    The cells that it counts in have no other writer. So their numbers are kept in lists too: it
    takes a third of the time to add to these, and to write the results to the shared memory.
    """
    counts, reals, _ = block
    known, sums = counts.tolist(), list[float](reals)
    get = endpoints.get

    def answer(endpoint: str, status: int, counted: int | Tally, seconds: float) -> None:
        if counted.__class__ is int:
            known[counted] = counts[counted] = known[counted] + 1
        else:
            add(counted)  # type: ignore[arg-type]  # likewise
        first, responses = get(endpoint) or unusual(endpoint)
        at = first + _SUM
        sums[at] = reals[at] = sums[at] + seconds
        if status != _OK:
            responses += _OFFSETS.get(status, len(CODES))
            known[responses] = counts[responses] = known[responses] + 1
            first += BUCKET_CELLS
        at = first if seconds <= _SHORTEST else first + bisect_left(BUCKETS, seconds)
        known[at] = counts[at] = known[at] + 1

    def unusual(path: str) -> tuple[int, int]:
        return endpoints[next(filter(path.startswith, prefixes), OTHER)]

    def add(tally: Tally) -> None:
        for cell in tally.cells:
            known[cell] = counts[cell] = known[cell] + 1
        cached = tally.cached
        if classes.end - classes.first > _CELLS_A_DECISION * len(cached):
            for each in cached:
                known[each.cell] = counts[each.cell] = known[each.cell] + 1
        else:
            numbers = known  # found faster than a variable of the function around
            for each in cached:
                numbers[each.cell] += 1
            first, end = classes.first, classes.end
            counts[first:end] = array("Q", known[first:end])

    return answer
