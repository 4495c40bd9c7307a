"""Hours, weekdays and dates of instants, in time zones of the IANA database.

A rule reads them as attributes; a path names them with their zone, so that what was compiled or
recorded means the same whatever a schema calls them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from sidecar.schema.model import Kind, ValueType

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_TICK = timedelta(microseconds=1)
_NAME = re.compile(r"(hour|weekday|date) in (\S+)")
_KINDS: Mapping[str, Kind] = {
    "hour": Kind.INTEGER,
    "weekday": Kind.INTEGER,
    "date": Kind.STRING,
}
PARTS = tuple(_KINDS)
"""What can be read of an instant: its hour, 0 to 23; its weekday, 1 for Monday to 7 for Sunday; its
date, such as ``2026-12-24``."""
_MOST_DAYS = 500
"""So far changes are looked for: a zone that changes its clocks does so each year."""
_FIRST = datetime(1, 1, 3, tzinfo=UTC)
_LAST = datetime(9999, 12, 29, tzinfo=UTC)
"""Between these an instant is a moment of the calendar in every zone."""


@cache
def known_zones() -> frozenset[str]:
    """Return the names of the zones in the database of this machine.

    The zone of the machine itself is none of them: each machine would answer by its own.
    """
    return frozenset(available_timezones()) - {"localtime"}


@dataclass(frozen=True, slots=True)
class LocalPart:
    """The hour, the weekday or the date of instants in one time zone."""

    part: str
    """One of `PARTS`."""
    zone: str

    @classmethod
    def named(cls, name: str) -> LocalPart:
        """Return what a step of a path reads of an instant.

        Raises:
            LookupError: It reads nothing, or in a zone that this machine does not know.
        """
        found = _NAME.fullmatch(name)
        if found is None or found[2] not in known_zones():
            raise LookupError(name)
        return cls(found[1], found[2])

    @property
    def name(self) -> str:
        """How a path names it: ``hour in Europe/Berlin``."""
        return f"{self.part} in {self.zone}"

    @property
    def type(self) -> ValueType:
        """The type of its values."""
        kind = _KINDS[self.part]
        return ValueType(kind, kind.value)

    def reader(self) -> Callable[[datetime], int | str]:
        """Return a function from an instant to the value."""
        zone, read, read_odd = ZoneInfo(self.zone), _READS[self.part], _READS_OF_DAY[self.part]

        def value(instant: datetime) -> int | str:
            if _FIRST < instant < _LAST:
                return read(instant.astimezone(zone))
            return read_odd(*_local(instant, zone))

        return value

    def period(self, instant: datetime) -> tuple[datetime, datetime]:
        """Return instants between which, the first included, the value is that of `instant`.

        The period may be shorter than it could be, and never longer: it ends where the clocks of
        the zone are changed.
        """
        zone, unit = ZoneInfo(self.zone), _HOUR if self.part == "hour" else _DAY
        if not _FIRST < instant < _LAST:
            return instant, instant
        _, in_day = _local(instant, zone)
        since = instant - in_day % unit
        until = since + unit
        if _offset(since, zone) != _offset(instant, zone):
            since = _change(since, instant, zone)
        if _offset(until - _TICK, zone) != _offset(instant, zone):
            until = _change(instant, until, zone)
        return since, until


def offset_changes(
    zone: str, begin: datetime, end: datetime, step: timedelta = _DAY
) -> Iterator[tuple[datetime, timedelta]]:
    """Yield from when on a zone has which offset, from one instant to another.

    A change is found where the offset is another one after a step.
    """
    found, instant = ZoneInfo(zone), begin
    offset = _offset(begin, found)
    yield begin, offset
    while instant < end:
        following = min(instant + step, end)
        if (new := _offset(following, found)) != offset:
            offset = new
            yield _change(instant, following, found), offset
        instant = following


def offset_span(zone: str, instant: datetime) -> tuple[datetime, datetime, timedelta]:
    """Return instants between which a zone has the offset that it has at one, and the offset."""
    found = ZoneInfo(zone)
    offset, since, until = _offset(instant, found), instant, instant
    for _ in range(_MOST_DAYS):
        if since - _DAY < _FIRST:
            break
        if _offset(since - _DAY, found) != offset:
            since = _change(since - _DAY, since, found)
            break
        since -= _DAY
    for _ in range(_MOST_DAYS):
        if until + _DAY > _LAST:
            break
        if _offset(until + _DAY, found) != offset:
            until = _change(until, until + _DAY, found)
            break
        until += _DAY
    return since, max(until, instant + _TICK), offset


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    within = min(max(instant, _FIRST), _LAST)
    return within.astimezone(zone).utcoffset() or timedelta()


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant between two at which the offset changes, which it does once."""
    offset = _offset(after, zone)
    while after - before > _TICK:
        middle = before + (after - before) // 2
        if _offset(middle, zone) == offset:
            after = middle
        else:
            before = middle
    return after


def _local(instant: datetime, zone: ZoneInfo) -> tuple[int, timedelta]:
    """Return the day in a zone, counted from the first of year 1, and the time since it began."""
    since_first = instant.replace(tzinfo=None) - datetime.min + _offset(instant, zone)  # noqa: DTZ901
    return since_first // _DAY + 1, since_first % _DAY


def _date(ordinal: int) -> str:
    if ordinal < 1:
        return "0000-12-31"
    if ordinal > date.max.toordinal():
        return "10000-01-01"
    return date.fromordinal(ordinal).isoformat()


_READS: Mapping[str, Callable[[datetime], int | str]] = {
    "hour": lambda local: local.hour,
    "weekday": datetime.isoweekday,
    "date": lambda local: local.date().isoformat(),
}
_READS_OF_DAY: Mapping[str, Callable[[int, timedelta], int | str]] = {
    "hour": lambda _, in_day: in_day // _HOUR,
    "weekday": lambda ordinal, _: (ordinal - 1) % 7 + 1,
    "date": lambda ordinal, _: _date(ordinal),
}
