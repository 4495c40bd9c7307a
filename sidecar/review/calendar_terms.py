"""Hours, weekdays and dates of instants as terms of a solver.

The clocks of a zone are changed hundreds of times, of which hardly a state needs any. So the solver
is told which offsets a zone has at all, and of a change only where a model breaks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from sidecar.review.formulas import TRUE, Term, all_of, any_of
from sidecar.review.solver_model import Model
from sidecar.review.terms import EPOCH, TICK, Vocabulary
from sidecar.schema.local_time import LocalPart, offset_changes, offset_span

_SPANS = (
    (datetime(1800, 1, 1, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC), timedelta(days=10)),
    (datetime(1900, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC), timedelta(days=1)),
)
"""From before the first change of any zone to when each year is as the last one; how often the
clocks are looked at."""
_LAST_YEARS = datetime(2037, 1, 1, tzinfo=UTC)
_NEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
_YEARS = _NEAR, (_SPANS[0][0], _SPANS[-1][1])
"""The next years, whose changes are few, and all years that differ from each other."""
_QUARTER, _SECOND = timedelta(minutes=15), timedelta(seconds=1)
_FIRST_WEEKDAY = EPOCH.isoweekday()


@dataclass(frozen=True, slots=True, eq=False)
class _Clock:
    """The terms of one instant in one zone, as whole numbers."""

    instant: Term
    zone: str
    offset: Term
    """In seconds."""
    day: Term
    """Days since `EPOCH`."""
    hour: Term
    weekday: Term


@dataclass(frozen=True, slots=True, eq=False)
class _Day:
    """The terms of one instant in UTC, as whole numbers."""

    day: Term
    weekday: Term
    quarter: Term
    """Of the day."""
    rest: Term
    """What has passed of the quarter of an hour."""
    is_of: tuple[Term, ...]
    """Flags: whether it is an instant of each of `_YEARS`."""


class CalendarTerms:
    """The parts of instants that one state reads."""

    def __init__(self, terms: Vocabulary) -> None:
        self._terms = terms
        self._clocks: dict[tuple[Term, str], _Clock] = {}
        self._days: dict[Term, _Day] = {}
        self._offsets: dict[str, str] = {}
        """The functions from an instant to the offset of a zone."""

    @property
    def instants(self) -> list[Term]:
        """The instants of which a part is read."""
        return list(self._days)

    def part(self, instant: Term, part: LocalPart) -> Term:
        """Return a part of an instant."""
        clock = self._clock(instant, part.zone)
        if part.part == "date":
            return self._terms.date_of(clock.day)
        return clock.hour if part.part == "hour" else clock.weekday

    def narrower(self) -> Iterator[list[Term]]:
        """Yield flags by which all instants are those of some years."""
        for at in range(len(_YEARS)):
            yield [day.is_of[at] for day in self._days.values()]

    def preferences(self) -> Iterator[Term]:
        """Yield what makes instants plain: near years, and whole quarters of an hour."""
        for flags in reversed(list(self.narrower())):
            yield from flags
        for day in self._days.values():
            yield f"(= {day.rest} 0)"

    def broken(self, model: Model) -> Iterator[Term]:
        """Yield all the laws that a model breaks; none of a model of a state that can be."""
        model.load(
            each for clock in self._clocks.values() for each in (clock.instant, clock.offset)
        )
        for clock in self._clocks.values():
            instant = EPOCH + int(model.number(clock.instant)) * TICK
            since, until, offset = offset_span(clock.zone, instant)
            if offset // _SECOND != model.number(clock.offset):
                at = clock.instant
                within = all_of([f"(<= {_ticks(since)} {at})", f"(< {at} {_ticks(until)})"])
                yield f"(=> {within} (= {clock.offset} {_number(offset // _SECOND)}))"

    def _clock(self, instant: Term, zone: str) -> _Clock:
        known = self._clocks.get((instant, zone))
        if known is not None:
            return known
        terms, at = self._terms, len(self._clocks)
        if not self._clocks:
            terms.checks.append(self)
        utc = self._day(instant)
        names = ("day", "hour", "quarter", "weekday", "beside", "around", "offset", "ahead")
        day, hour, quarter, weekday, beside, around, offset, ahead = (
            terms.whole_number(f"{each}#{at}") for each in names
        )
        if zone not in self._offsets:
            name = f"offset.of.{len(self._offsets)}"
            self._offsets[zone] = terms.function_of_number(name)
        local = f"(+ (* 96 {beside}) (* 4 {hour}) {quarter})"
        # All but the day are small numbers, among which the solver finds what cannot be.
        terms.say(
            all_of(
                [
                    f"(= {offset} ({self._offsets[zone]} {instant}))",
                    any_of(_is_ahead(each, offset, ahead, utc.rest) for each in _offsets(zone)),
                    f"(= (+ {utc.quarter} {ahead}) {local})",
                    f"(= {day} (+ {utc.day} {beside}))",
                    f"(= {weekday} (+ {utc.weekday} {beside} (* 7 {around})))",
                    *_between({beside: (-1, 1), around: (-1, 1), hour: (0, 23), quarter: (0, 3)}),
                    *_between({weekday: (1, 7)}),
                ]
            )
        )
        for law in _eras(zone, instant, offset):
            terms.say(law)
        found = _Clock(instant, zone, offset, day, hour, weekday)
        self._clocks[instant, zone] = found
        others = [each for each in self._clocks.values() if each.instant == instant]
        together = any_of(
            all_of(
                f"(= {other.offset} {_number(held)})"
                for other, held in zip(others, offsets, strict=True)
            )
            for offsets in _together(tuple(other.zone for other in others))
        )
        terms.say(f"(=> (<= {_ticks(_YEARS[1][1])} {instant}) {together})")
        return found

    def _day(self, instant: Term) -> _Day:
        known = self._days.get(instant)
        if known is not None:
            return known
        at = len(self._days)
        names = ("utc_day", "utc_weekday", "utc_quarter", "rest", "week")
        day, weekday, quarter, rest, week = (
            self._terms.whole_number(f"{each}#{at}") for each in names
        )
        size = _QUARTER // TICK
        parts = f"(* {96 * size} {day}) (* {size} {quarter}) {rest}"
        limits = {weekday: (1, 7), quarter: (0, 95), rest: (0, size - 1)}
        laws = [f"(= {instant} (+ {parts}))", *_between(limits)]
        laws.append(f"(= (+ {day} {_FIRST_WEEKDAY}) (+ (* 7 {week}) {weekday}))")
        self._terms.say(all_of(laws))
        is_of = tuple(
            self._terms.name(f"(and (<= {_ticks(begin)} {instant}) (< {instant} {_ticks(end)}))")
            for begin, end in _YEARS
        )
        found = self._days[instant] = _Day(day, weekday, quarter, rest, is_of)
        return found


def _between(limits: Mapping[Term, tuple[int, int]]) -> Iterator[Term]:
    for term, (least, most) in limits.items():
        yield f"(<= {_number(least)} {term} {most})"


def _is_ahead(held: int, offset: Term, ahead: Term, rest: Term) -> Term:
    """Return that an offset is one of a zone, and how many quarters its clocks are ahead by it."""
    quarters, seconds = divmod(held, _QUARTER // _SECOND)
    by = _number(quarters)
    if seconds:
        next_begins = (_QUARTER - seconds * _SECOND) // TICK
        by = f"(ite (>= {rest} {next_begins}) {_number(quarters + 1)} {by})"
    return all_of([f"(= {offset} {_number(held)})", f"(= {ahead} {by})"])


@cache
def _changes(zone: str) -> list[tuple[datetime, int]]:
    """Return from when on a zone has which offset, in seconds."""
    return [
        (since, offset // _SECOND)
        for span in _SPANS
        for since, offset in offset_changes(zone, *span)
    ]


def _offsets(zone: str) -> list[int]:
    """Return all offsets that a zone has at any time, in seconds."""
    return sorted({offset for _, offset in _changes(zone)})


@cache
def _together(zones: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Return the offsets that zones have at the same instants, as each year from now on."""
    last = [[(max(since, _LAST_YEARS), held) for since, held in _changes(zone)] for zone in zones]
    moments = {since for changes in last for since, _ in changes}
    return sorted(
        {
            tuple([[held for since, held in changes if since <= moment][-1] for changes in last])
            for moment in moments
        }
    )


def _eras(zone: str, instant: Term, offset: Term) -> Iterator[Term]:
    """Yield the offset before a zone has changed it, and the one that it keeps for ever."""
    changes = _changes(zone)
    first = next((since for since, held in changes if held != changes[0][1]), None)
    before = f"(< {instant} {_ticks(first)})" if first else TRUE
    yield f"(=> {before} (= {offset} {_number(changes[0][1])}))"
    last, held = changes[-1]
    if last < _SPANS[-1][1] - timedelta(days=1000):
        yield f"(=> (<= {_ticks(last)} {instant}) (= {offset} {_number(held)}))"


def _ticks(instant: datetime) -> Term:
    return _number((instant - EPOCH) // TICK)


def _number(number: int) -> Term:
    return str(number) if number >= 0 else f"(- {-number})"


def date_of(day: int) -> str:
    """Return the date of a day that is counted from `EPOCH`."""
    ordinal = EPOCH.date().toordinal() + day
    return date.fromordinal(min(max(ordinal, 1), date.max.toordinal())).isoformat()
