"""What one process counts.

A cell has one writer: the event loop, the thread that holds the lock of what is counted, or the
process, where it has only one thread. So no count is lost, and none needs a lock of its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import TypeAlias

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
from sidecar.metrics.memory import Memory
from sidecar.model import Decision, Request
from sidecar.schema import Schema

_OK = 200
_SHORTEST = BUCKETS[0]
_SUM = HISTOGRAM_CELLS - 1
_FIRST = str(CODES[0])
_OFFSETS: Mapping[int, int] = {code: at for at, code in enumerate(CODES)}
"""Where the cell of a status is, from that of the first."""

Answering: TypeAlias = Callable[[str, int, int | Mapping[int, int], float], None]
"""Counts a response: to the path of its request, with a status, with the cell of its decision or
those of several and their numbers, and with the seconds since the request had arrived."""


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
        self._counts, reals, _ = block
        self.answer = _answering(self._counts, reals, self._endpoints)
        """Counts the response to a request, in the event loop: see `Answering`."""
        self._classes = DecisionClasses(block, self.memory.first_class)
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

    # --- decisions, by any thread -----------------------------------------------------------------

    def decision_cell(
        self, request: Request, decision: Decision, schema: Schema, source: str
    ) -> int:
        """Return the cell of a decision of the cache (`DecisionClasses.cell`)."""
        return self._classes.cell(request, decision, schema, source)

    def denial_cell(self, reason: str) -> int:
        """Return the cell of a denial that no policy has made (`DecisionClasses.denial_cell`)."""
        return self._classes.denial_cell(reason)

    # --- all else, each by one thread at a time -------------------------------------------------

    def add(self, metric: Metric, *labels: str, number: int = 1) -> None:
        """Count an event, or several."""
        self._counts[self.layout.cell(metric, *labels)] += number

    def set(self, metric: Metric, *labels: str, number: int) -> None:
        """Record a number."""
        self._counts[self.layout.cell(metric, *labels)] = number


def _answering(
    counts: memoryview[int], reals: memoryview[float], endpoints: Mapping[str, tuple[int, int]]
) -> Answering:
    """Return a function that has at hand what it needs: each look-up costs as much as a count."""
    get, other = endpoints.get, endpoints[OTHER]

    def answer(
        endpoint: str, status: int, counted: int | Mapping[int, int], seconds: float
    ) -> None:
        if counted.__class__ is int:
            counts[counted] += 1
        else:
            for cell, number in counted.items():  # type: ignore[union-attr]  # likewise
                counts[cell] += number
        first, responses = get(endpoint, other)
        reals[first + _SUM] += seconds
        if status != _OK:
            counts[responses + _OFFSETS.get(status, len(CODES))] += 1
            first += BUCKET_CELLS
        counts[first if seconds <= _SHORTEST else first + bisect_left(BUCKETS, seconds)] += 1

    return answer
