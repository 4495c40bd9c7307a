"""The hour, the weekday and the date of an instant in a time zone."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tests.reference.errors import PackError
from tests.reference.values import Value

_START = datetime(2000, 1, 1, tzinfo=UTC)
_CYCLE = timedelta(days=146_097)
"""After 400 years the calendar repeats itself, its weekdays too."""
_NEAR_AN_END = timedelta(days=366 * 1_000)
"""So far from the ends of what a `datetime` can hold, local times are surely inside."""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its name in the IANA database."""
    if name not in _names():
        raise PackError(f"schema.yaml: there is no zone {name}")
    return ZoneInfo(name)


@cache
def _names() -> set[str]:
    # The zone of the machine has no name in that database.
    return available_timezones() - {"localtime"}


def part_of(part: str, instant: datetime, zone: ZoneInfo) -> Value:
    """Return the part of an instant in a zone, in any year."""
    moment, cycles = instant - _START, 0
    # Near the ends of time a moment is moved to where the calendar and the rules are the same:
    # clocks were not changed before there were zones, and in the far future one rule repeats.
    if moment > _LAST - _START - _NEAR_AN_END:
        cycles = 1
    elif moment < _FIRST - _START + _NEAR_AN_END / 2:
        cycles = -1
    local = (_START + (moment - cycles * _CYCLE)).astimezone(zone)
    if part == "hour":
        return Value("integer", local.hour)
    if part == "weekday":
        return Value("integer", local.isoweekday())
    year = local.year + cycles * 400
    return Value("string", f"{year:04}-{local.month:02}-{local.day:02}")
