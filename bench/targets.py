"""What must hold, and what is compared beside it, as arithmetic over the rows of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from bench.measuring import Row
from bench.peers import cerbos, ours


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line: what is asked, whether it holds, and the figures on both sides."""

    what: str
    holds: bool
    figures: str
    ratio: float
    """Of the first figure to the other."""
    judge: Callable[[float], bool] = field(compare=False)
    """Whether it holds at such a ratio."""
    must: bool = True
    """Whether it must hold; else it tells how far from the same mark we are in a harder case."""

    def __str__(self) -> str:
        return f"{'holds' if self.holds else 'does not hold'}: {self.what} ({self.figures})"


def over_http(rows: Sequence[Row]) -> list[Verdict]:
    """Judge what is served, with tokens asked for; the first figure is ours.

    It must hold beside Cerbos as it comes and the floor with the same settings. Harder cases are
    questions that never come again, Cerbos with more memory, and a floor that logs nothing while
    we do.

    Raises:
        LookupError: A row that is needed was not measured.
    """
    verdicts = []
    floor = find(rows, ours.FLOOR, "constant")
    for name in (ours.NAME, ours.FORGETFUL, ours.LOGGED):
        must = name != ours.FORGETFUL
        one, many = find(rows, name, "evaluation"), _largest_batch(rows, name)
        logged = (cerbos.LOGGED,) if name == ours.LOGGED else ()
        for peer in (cerbos.NAME, cerbos.TUNED, *logged):
            other, others = find(rows, peer, "evaluation"), _largest_batch(rows, peer)
            native, natives = (
                find(rows, peer, "native check"),
                find(rows, peer, "native check of 100"),
            )
            like = must and peer == cerbos.NAME
            best = max(other, native, key=lambda row: row.throughput)
            beside = [
                at_least(f"{name}: evaluations/s, 6 x {peer}", one.throughput, 6, best.throughput),
                at_most(
                    f"{name}: p99 in us, a quarter of {peer}'s",
                    one.p99,
                    0.25,
                    min(other.p99, native.p99),
                ),
                at_least(
                    f"{name}: decisions/s in batches of 100, 30 x {peer}",
                    many.throughput * many.decisions,
                    30,
                    max(each.throughput * each.decisions for each in (others, natives)),
                ),
            ]
            verdicts += [replace(each, must=like) for each in beside]
        listed = find(rows, name, "permissions")
        if name == ours.LOGGED:
            floors = find(rows, ours.LOGGING_FLOOR, "constant").throughput
            asked = f"{name}: requests/s, 80% of the floor that logs a constant"
            verdicts.append(at_least(asked, one.throughput, 0.8, floors))
        silent = at_least(
            f"{name}: requests/s, 80% of the floor", one.throughput, 0.8, floor.throughput
        )
        largest = max(row.rss for row in rows if row.peer == name)
        own = [
            at_most(f"{name}: CPU us of permissions, twice a check", listed.cpu, 2, one.cpu),
            at_most(f"{name}: MB resident in a worker, 80", largest, 80, 1),
        ]
        verdicts.append(replace(silent, must=name == ours.NAME))
        verdicts += [replace(each, must=must) for each in own]
    return verdicts


def over_rounds(rounds: Sequence[Sequence[Row]]) -> list[Verdict]:
    """Judge by the median of the ratios of each round.

    Raises:
        LookupError: A row that is needed was not measured.
    """
    return [_middle(same) for same in zip(*(over_http(rows) for rows in rounds), strict=True)]


def _middle(same: Sequence[Verdict]) -> Verdict:
    ratios = sorted(each.ratio for each in same)
    middle = median(ratios)
    figures = f"{middle:.3g} times, {ratios[0]:.3g} to {ratios[-1]:.3g} in {len(ratios)} rounds"
    return replace(same[0], holds=same[0].judge(middle), figures=figures, ratio=middle)


def in_process(micro: Mapping[str, float]) -> list[Verdict]:
    """Judge decisions without a server, from microseconds by name.

    Raises:
        KeyError: One that is needed was not measured.
    """
    ours_ = micro["compiled"]
    again = [
        at_most(
            "in process: us a decision, 3 x a dictionary look-up", ours_, 3, micro["dictionary"]
        ),
        at_most("in process: us a decision, a 50th of cedarpy", ours_, 1 / 50, micro["cedarpy"]),
    ]
    new = [
        at_most(
            "in process: us a decision never made before, 3 x a dictionary look-up",
            micro["compiled, each question new"],
            3,
            micro["dictionary"],
        ),
        at_most(
            "in process: us a decision never made before, a 50th of cedarpy",
            micro["compiled, each question new"],
            1 / 50,
            micro["cedarpy"],
        ),
    ]
    return [*again, *(replace(each, must=False) for each in new)]


def at_least(what: str, ours_: float, factor: float, other: float) -> Verdict:
    """Judge that ours is at least so many times the other."""
    return _verdict(what, ours_, other, lambda ratio: ratio >= factor)


def at_most(what: str, ours_: float, factor: float, other: float) -> Verdict:
    """Judge that ours is at most so many times the other."""
    return _verdict(what, ours_, other, lambda ratio: ratio <= factor)


def find(rows: Sequence[Row], peer: str, shape: str, transport: str = "TCP") -> Row:
    """Return the one row of that name.

    Raises:
        LookupError: There is none, or there are several.
    """
    found = [
        row for row in rows if (row.peer, row.shape, row.transport) == (peer, shape, transport)
    ]
    if len(found) != 1:
        raise LookupError(f"{len(found)} rows of {peer}, {shape}, {transport}")
    return found[0]


def _largest_batch(rows: Sequence[Row], peer: str) -> Row:
    return find(rows, peer, "batch of 100")


def _verdict(what: str, ours_: float, other: float, judge: Callable[[float], bool]) -> Verdict:
    ratio = ours_ / other
    figures = f"{ours_:,.2f} to {other:,.2f}, {ratio:.3g} times"
    return Verdict(what, judge(ratio), figures, ratio, judge)
