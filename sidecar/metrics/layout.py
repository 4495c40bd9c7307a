"""Which cell of a block counts what: the same in all processes of a sidecar.

A cell is 8 bytes: an unsigned number or a float. The cells of decisions are not here, since
policies that are loaded later declare other types and actions (`sidecar.metrics.decisions`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sidecar.metrics.catalog import (
    ACCEPTED,
    ACCESS_LOST,
    BUCKETS,
    CLOSED,
    CONNECTIONS,
    DURATIONS,
    EXITS,
    JOBS,
    LISTS,
    LOOKS,
    OTHER,
    PAUSES,
    REJECTIONS,
    RELOADS,
    RESPONSES,
    Metric,
)

NOTHING = 1
"""The cell that is counted where there is nothing to count; nobody reads it, nor the one before."""

CELL_BYTES = 8

UNREAD = "unread"
"""The endpoint of what could not be read."""

CODES = (304, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 431, 500, 501, 503)
"""Statuses with a cell of their own. How often it was 200 is in `DURATIONS`."""

BUCKET_CELLS = len(BUCKETS) + 1
"""One for each bucket, and one for what is longer."""

HISTOGRAM_CELLS = 2 * BUCKET_CELLS + 1
"""Buckets of responses with status 200, buckets of all others, and the sum of seconds."""

_SIMPLE: Sequence[tuple[Metric, Sequence[tuple[str, ...]]]] = (
    (LISTS, (("new",), ("cache",))),
    (CONNECTIONS, ((),)),
    (ACCEPTED, ((),)),
    (CLOSED, (("idle",), ("silent",), ("unread",), ("lingering",), ("room",))),
    (PAUSES, (("busy",), ("descriptor",))),
    (JOBS, (("slow",), ("open",))),
    (ACCESS_LOST, ((),)),
    (
        RELOADS,
        (("policy", "used"), ("policy", "refused"), ("facts", "used"), ("facts", "refused")),
    ),
    (LOOKS, (("completed",), ("failed",))),
    (EXITS, (("worker",), ("follower",), ("admin",))),
)


class Layout:
    """The cells of a block."""

    def __init__(
        self, endpoints: Iterable[str], causes: Iterable[str], prefixes: Collection[str] = ()
    ) -> None:
        """Number the cells.

        Args:
            endpoints: Paths that requests are counted by.
            causes: Of error responses.
            prefixes: Beginnings of paths: requests to other paths are counted by these.
        """
        self.prefixes = prefixes
        self.endpoints = (*endpoints, *prefixes, OTHER, UNREAD)
        self._size = NOTHING + 1
        self._first: dict[tuple[Metric, tuple[str, ...]], int] = {}
        codes = (*map(str, CODES), OTHER)
        for endpoint in self.endpoints:
            self._add(DURATIONS, (endpoint,), HISTOGRAM_CELLS)
            for code in codes:
                self._add(RESPONSES, (endpoint, code))
        for cause in (*causes, OTHER):
            self._add(REJECTIONS, (cause,))
        for metric, values in _SIMPLE:
            for each in values:
                self._add(metric, each)

    @property
    def size(self) -> int:
        """The number of cells."""
        return self._size

    def cell(self, metric: Metric, *labels: str) -> int:
        """Return the cell of a metric with these values of its labels; of a histogram the first."""
        return self._first[metric, labels]

    def cells(self, metric: Metric) -> Sequence[tuple[tuple[str, ...], int]]:
        """Return all values of the labels of a metric, each with its cell."""
        return [(labels, cell) for (each, labels), cell in self._first.items() if each == metric]

    def _add(self, metric: Metric, labels: tuple[str, ...], cells: int = 1) -> None:
        self._first[metric, labels] = self._size
        self._size += cells
