"""What one process counts.

A cell has one writer: the event loop, the thread that holds the lock of what is counted, or the
process, where it has only one thread. So no count is lost, and none needs a lock of its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from math import inf

from sidecar.metrics.catalog import (
    BUCKETS,
    DURATIONS,
    FACTS_AGE,
    LISTS,
    OTHER,
    REJECTIONS,
    RESPONSES,
    Metric,
)
from sidecar.metrics.decisions import DecisionClasses
from sidecar.metrics.layout import CODES, HISTOGRAM_CELLS, UNREAD, Layout
from sidecar.metrics.memory import Memory
from sidecar.model import Decision, Request
from sidecar.schema import Schema

_OK = 200
_FIRST_BOUND = BUCKETS[0]
_SUM = HISTOGRAM_CELLS - 1
_OFFSETS: Mapping[int, int] = {code: at for at, code in enumerate(CODES)}
"""Where the cell of a status is, from that of 200."""


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
            endpoint: (layout.cell(DURATIONS, endpoint), layout.cell(RESPONSES, endpoint, "200"))
            for endpoint in layout.endpoints
        }
        self._other = self._endpoints[OTHER]
        self._unread = self._endpoints[UNREAD][1]
        self._causes = {labels[0]: cell for labels, cell in layout.cells(REJECTIONS)}
        self.list_cell = layout.cell(LISTS, "new")
        """The cell of a list of permissions; the next one is for those of the cache."""
        self.begin(0)

    def begin(self, number: int) -> None:
        """Count in a block from now on, in a process that has just been forked.

        Args:
            number: Of the block; no other process that runs has it.
        """
        self._block = self.memory.block(number)
        self._counts, self._reals, _ = self._block
        self._classes = DecisionClasses(self._block, self.memory.first_class)
        self.set_real(FACTS_AGE, number=-inf)

    # --- responses, by the event loop -------------------------------------------------------------

    def answer(
        self, endpoint: str, status: int, counted: int | Mapping[int, int], seconds: float
    ) -> None:
        """Count the response to a request.

        Args:
            endpoint: Its path.
            status: Of the response.
            counted: The cell of its decision, or the cells of several with their numbers.
            seconds: Since the request has arrived.
        """
        counts = self._counts
        if isinstance(counted, int):
            counts[counted] += 1
        else:
            for cell, number in counted.items():
                counts[cell] += number
        durations, responses = self._endpoints.get(endpoint, self._other)
        if seconds <= _FIRST_BOUND:
            counts[durations] += 1
        else:
            counts[durations + bisect_left(BUCKETS, seconds)] += 1
        self._reals[durations + _SUM] += seconds
        counts[responses if status == _OK else responses + _OFFSETS.get(status, len(CODES))] += 1

    def unread(self, status: int) -> None:
        """Count the response to what could not be read."""
        self._counts[self._unread + _OFFSETS.get(status, len(CODES))] += 1

    def reject(self, cause: str) -> None:
        """Count an error response by its cause."""
        self._counts[self._causes.get(cause, self._causes[OTHER])] += 1

    # --- decisions, by any thread -----------------------------------------------------------------

    def decision_cell(
        self, request: Request, decision: Decision, schema: Schema, source: str
    ) -> int:
        """Return the cell of a decision (`DecisionClasses.cell`)."""
        return self._classes.cell(request, decision, schema, source)

    # --- all else, each by one thread at a time -------------------------------------------------

    def add(self, metric: Metric, *labels: str, number: int = 1) -> None:
        """Count an event, or several."""
        self._counts[self.layout.cell(metric, *labels)] += number

    def set(self, metric: Metric, *labels: str, number: int) -> None:
        """Record a number."""
        self._counts[self.layout.cell(metric, *labels)] = number

    def set_real(self, metric: Metric, *labels: str, number: float) -> None:
        """Record a number that is a float."""
        self._reals[self.layout.cell(metric, *labels)] = number
