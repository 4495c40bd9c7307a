"""The targets of issue "Rebuild", judged by the median of the ratios of each round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bench import inprocess
from bench.servers import CERBOS, LOGGED, SIDECAR, Row

Round = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure is compared with."""

    comparison: Literal["at least", "at most", "under"]
    figure: float

    def holds(self, measured: float) -> bool:
        """Return whether a measured figure holds the bound."""
        match self.comparison:
            case "at least":
                return measured >= self.figure
            case "at most":
                return measured <= self.figure
            case "under":
                return measured < self.figure

    def __str__(self) -> str:
        return f"{self.comparison} {self.figure:.3g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: what is compared, the ratio that was measured, and whether it holds."""

    what: str
    target: Bound
    ratio: str
    holds: bool

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'MISSED'}: {self.what}: {self.ratio} ({self.target})"


_THROUGHPUT = (
    (SIDECAR, "single, recurring", 20),
    (SIDECAR, "single, new", 6),
    (SIDECAR, "batch, recurring items", 20),
    (SIDECAR, "batch, new items", 5),
    (LOGGED, "single, recurring", 12),
    (LOGGED, "batch, recurring items", 12),
)
"""Server, traffic, and how many times the throughput of Cerbos is wanted."""

_P99 = (
    ("single, recurring", 6),
    ("single, new", 4),
    ("batch, recurring items", 6),
    ("batch, new items", 4),
)
"""Traffic, and which part of Cerbos' p99 is the most."""

MOST_OF_A_DICTIONARY = 40
"""How many times a dictionary look-up an uncached decision may cost."""


def over_http(rounds: Sequence[Round]) -> Iterator[Verdict]:
    """Judge servers side by side.

    Raises:
        LookupError: A row that is needed was not measured.
    """
    for server, traffic, factor in _THROUGHPUT:
        ratios = _ratios(rounds, server, traffic, lambda row: row.throughput)
        what = f"{server}, {traffic}: throughput to Cerbos'"
        yield _verdict(what, Bound("at least", factor), ratios)
    for traffic, part in _P99:
        ratios = _ratios(rounds, SIDECAR, traffic, lambda row: row.p99)
        what = f"{SIDECAR}, {traffic}: p99 to Cerbos'"
        yield _verdict(what, Bound("at most", 1 / part), ratios)


def in_process(micro: Mapping[str, float]) -> Verdict:
    """Judge an uncached decision."""
    ratio = micro[inprocess.UNCACHED] / micro[inprocess.DICTIONARY]
    return _verdict(
        "in process: an uncached decision to a dictionary look-up",
        Bound("at most", MOST_OF_A_DICTIONARY),
        [ratio],
    )


def compiling(seconds: Mapping[int, float]) -> Iterator[Verdict]:
    """Judge how compiling grows with the number of types."""
    growth = seconds[40] / seconds[10]
    yield _verdict("compiling 40 types to compiling 10", Bound("at most", 5), [growth])
    yield _verdict("seconds to compile 100 types", Bound("under", 10), [seconds[100]])


def find(rows: Round, server: str, traffic: str) -> Row:
    """Return the one row of a server and a traffic.

    Raises:
        LookupError: There is none, or there are several.
    """
    rows = [row for row in rows if (row.server, row.traffic) == (server, traffic)]
    if len(rows) != 1:
        raise LookupError(f"{len(rows)} rows of {server}, {traffic}")
    return rows[0]


def _ratios(
    rounds: Sequence[Round], server: str, traffic: str, figure: Callable[[Row], float]
) -> list[float]:
    return [
        figure(find(rows, server, traffic)) / figure(find(rows, CERBOS, traffic)) for rows in rounds
    ]


def _verdict(what: str, bound: Bound, ratios: Sequence[float]) -> Verdict:
    middle = median(ratios)
    spread = f" ({min(ratios):.3g} to {max(ratios):.3g})" if len(ratios) > 1 else ""
    return Verdict(what, bound, f"{middle:.3g}{spread}", bound.holds(middle))
