"""Hours, weekdays and dates in time zones: those of the calendar, in every zone at any time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.errors import InvalidPackError
from sidecar.schema import local_loader, local_time, read_schema
from sidecar.schema.local_time import PARTS, LocalPart, known_zones, offset_changes, offset_span
from tests.depth import deep

ZONES = sorted(known_zones())
TICK = timedelta(microseconds=1)
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


def value(part: str, zone: str, instant: datetime) -> int | str:
    return LocalPart(part, zone).reader()(instant)


@given(zones, instants)
@settings(deadline=None)
def test_a_part_is_that_of_the_clocks_and_the_calendar_in_the_zone(
    zone: str, instant: datetime
) -> None:
    local = instant.astimezone(ZoneInfo(zone))

    assert value("hour", zone, instant) == local.hour
    assert value("weekday", zone, instant) == local.isoweekday()
    assert value("date", zone, instant) == local.strftime("%Y-%m-%d")


def test_an_hour_comes_twice_where_clocks_are_put_back_and_not_where_they_are_put_forward() -> None:
    autumn = datetime(2026, 10, 25, tzinfo=UTC)
    spring = datetime(2026, 3, 29, tzinfo=UTC)

    hours = [value("hour", "Europe/Berlin", autumn + timedelta(hours=at)) for at in range(3)]
    assert hours == [2, 2, 3]
    hours = [value("hour", "Europe/Berlin", spring + timedelta(hours=at)) for at in range(3)]
    assert hours == [1, 3, 4]


@pytest.mark.parametrize(
    ("zone", "instant", "date", "weekday", "hour"),
    [
        ("Asia/Tokyo", datetime.max.replace(tzinfo=UTC), "10000-01-01", 6, 8),
        ("America/New_York", datetime.min.replace(tzinfo=UTC), "0000-12-31", 7, 19),
        ("UTC", datetime.min.replace(tzinfo=UTC), "0001-01-01", 1, 0),
        ("UTC", datetime.max.replace(tzinfo=UTC), "9999-12-31", 5, 23),
    ],
)
def test_the_first_and_the_last_instant_have_parts_in_every_zone(
    zone: str, instant: datetime, date: str, weekday: int, hour: int
) -> None:
    found = {part: value(part, zone, instant) for part in PARTS}

    assert found == {"hour": hour, "weekday": weekday, "date": date}


def samples(since: datetime, until: datetime) -> Iterator[datetime]:
    yield until - TICK
    while since < until:
        yield since
        since += timedelta(minutes=7)


@given(zones, instants, st.sampled_from(PARTS))
@settings(deadline=None)
@example("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "hour")
@example("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 59, tzinfo=UTC), "hour")
@example("Asia/Kathmandu", datetime(2026, 4, 4, 14, 59, tzinfo=UTC), "hour")
@example("America/St_Johns", datetime(2006, 10, 29, 2, 31, tzinfo=UTC), "date")
@example("Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC), "date")
@example("Africa/Monrovia", datetime(1971, 12, 31, 23, 59, tzinfo=UTC), "weekday")
def test_a_part_stays_what_it_is_for_its_period(zone: str, instant: datetime, part: str) -> None:
    since, until = LocalPart(part, zone).period(instant)

    assert since <= instant < until
    values = {value(part, zone, each) for each in samples(since, until)}
    assert values == {value(part, zone, instant)}


@pytest.mark.parametrize(("part", "hours"), [("hour", 1), ("weekday", 24), ("date", 24)])
def test_a_period_is_a_whole_one_where_no_clock_is_changed(part: str, hours: int) -> None:
    since, until = LocalPart(part, "Asia/Kolkata").period(datetime(2026, 7, 1, 12, 5, tzinfo=UTC))

    assert until - since == timedelta(hours=hours)
    assert value(part, "Asia/Kolkata", until) != value(part, "Asia/Kolkata", since)


@pytest.mark.many
def test_no_zone_changes_its_clocks_twice_within_a_day() -> None:
    """The instant of a change is searched between two instants with different offsets."""
    begin, end = datetime(1840, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    for zone in ZONES[:: 1 if deep(1) > 1 else 120]:
        daily = list(offset_changes(zone, begin, end))
        often = list(offset_changes(zone, begin, end, timedelta(hours=6)))
        assert daily == often, zone


@given(zones, instants)
@settings(deadline=None)
def test_a_zone_has_one_offset_all_through_a_span(zone: str, instant: datetime) -> None:
    since, until, offset = offset_span(zone, instant)

    assert since <= instant < until
    for at in range(11):
        between = since + (until - TICK - since) * at // 10
        assert between.astimezone(ZoneInfo(zone)).utcoffset() == offset


@pytest.mark.parametrize("name", ["domain", "hour", "minute in UTC", "hour in Nowhere/At_All", ""])
def test_what_is_no_part_is_no_step_of_a_path(name: str) -> None:
    with pytest.raises(LookupError):
        LocalPart.named(name)


SCHEMA = """\
types:
  shift:
    subject: true
    table: shifts
    key: id
    attributes:
      id: string
      starts: {type: instant, optional: true}
      day: {part: weekday, of: starts, zone: Europe/Berlin}
context:
  hour: {part: hour, of: now, zone: America/New_York, description: There., polar: there}
"""


@pytest.mark.parametrize(
    ("correct", "slip", "message"),
    [
        ("Europe/Berlin", "Europe/Berln", "no time zone `Europe/Berln`; did you mean `Europe/Berl"),
        ("Europe/Berlin", "right/UTC", "knows no time zone `right/UTC`"),
        ("Europe/Berlin", "localtime", "knows no time zone `localtime`"),
        ("part: weekday", "part: week", "part of attribute of `shift`: `day`: `week` is none"),
        ("of: starts", "of: id", "`id` is no instant here; write one of starts"),
        (", of: starts", "", "`day` has no instant; write `of: ...` with its name"),
        (", zone: Europe/Berlin", "", "`day` has no zone; write `zone: ...`"),
        ("{part: weekday,", "{part: weekday, optional: true,", "`optional`"),
        ("of: now", "of: later", "`later` is no instant here; write one of now"),
        ("      day:", "      exists:", "has a name that is taken in Polar"),
        ("polar: there", "polar: now", "has a name that is taken"),
        ("  hour:", "  now:", "`now` has a name that is taken"),
        ("key: id\n", "key: day\n", "`day`"),
    ],
)
def test_a_fault_of_a_part_is_reported_with_its_line(
    tmp_path: Path, correct: str, slip: str, message: str
) -> None:
    assert correct in SCHEMA
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA.replace(correct, slip, 1))

    with pytest.raises(InvalidPackError) as refused:
        read_schema(path)

    assert message in str(refused.value)
    assert str(path.name) in str(refused.value)


def test_the_zone_of_the_machine_is_no_zone_of_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_time, "available_timezones", lambda: {"UTC", "localtime"})

    assert known_zones.__wrapped__() == {"UTC"}


def test_a_zone_that_the_machine_does_not_know_is_a_fault_and_no_guess(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA)
    assert read_schema(path).types["shift"].local["day"].zone == "Europe/Berlin"
    monkeypatch.setattr(local_loader, "known_zones", frozenset)

    with pytest.raises(InvalidPackError, match=r"write a name of the IANA database, or install"):
        read_schema(path)
