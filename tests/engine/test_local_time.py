"""Hours, weekdays and dates in rules: decisions, searches, cached responses, logs and replays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.bundle.file import decode
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import search_resources
from sidecar.engine.trace import facts_read
from sidecar.errors import InvalidPackError
from sidecar.facts import Snapshot, Table, build
from sidecar.facts.row_batches import Quoted
from sidecar.model import Reference, Request
from sidecar.schema import local_loader
from tests.bundled import written as written_bundle
from tests.depth import deep
from tests.small_pack import compiled_pack, put_pack

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
SCHEMA = """
types:
  person: {subject: true, table: people, key: id, attributes: {id: string}}
  shift:
    table: shifts
    key: id
    attributes:
      id: string
      starts: {type: instant, optional: true}
      ends: {type: instant, caller: true, default: 2026-12-24T23:30:00Z, sensitive: true}
      day: {part: weekday, of: starts, zone: Europe/Berlin}
      "last-day": {part: date, of: ends, zone: Europe/Berlin}
    actions: [swap, open, join, mark, leave]
    lookups:
      holiday: {finds: holiday, arguments: {date: string}, match: {shift: this, date: date}}
  holiday: {table: holidays, key: [shift, date], attributes: {shift: shift, date: string}}
context:
  hour: {part: hour, of: now, zone: Europe/Berlin}
  today: {part: date, of: now, zone: Europe/Berlin}
  tokyo_hour: {part: hour, of: now, zone: Asia/Tokyo}
  arrival: instant
  arrives: {part: weekday, of: arrival, zone: Asia/Tokyo}
settings: {opens: integer}
"""
RULES = """
allow(_: Person, _: Action{name: "swap"}, shift: Shift) if shift.day in [6, 7];
allow(_: Person, _: Action{name: "open"}, _: Shift) if
  context.hour >= settings.opens and not context.tokyo_hour = 17;
allow(_: Person, _: Action{name: "join"}, shift: Shift) if shift.last_day = context.today;
allow(_: Person, _: Action{name: "mark"}, shift: Shift) if
  shift.holiday(context.today).exists = true;
allow(_: Person, _: Action{name: "leave"}, _: Shift) if not context.arrives = 1;
"""
START = datetime(2026, 12, 20, tzinfo=UTC)
moments = st.integers(0, 6 * 24 * 60).map(lambda minute: START + timedelta(minutes=minute))
ACTIONS = ("swap", "open", "join", "mark", "leave")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return put_pack(tmp_path_factory.mktemp("pack"), RULES, SCHEMA, settings="opens: 8\n")


@pytest.fixture(scope="module")
def policy(places: tuple[Path, Path]) -> Policy:
    return compiled_pack(*places)


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def snapshot_of(
    policy: Policy, starts: datetime | None = None, ends: datetime | None = None
) -> Snapshot:
    shift = {"id": "s"}
    shift |= {"starts": written(starts)} if starts else {}
    shift |= {"ends": written(ends)} if ends else {}
    tables = {
        "person": [{"id": "ann"}],
        "shift": [shift],
        "holiday": [{"shift": "s", "date": Quoted("2026-12-25")}],
    }
    types = policy.schema.types
    return build(
        policy.schema,
        {name: Table(types[name].table, list(enumerate(rows, 1))) for name, rows in tables.items()},
    )


def asked(action: str, arrival: datetime | None = None, ends: datetime | None = None) -> Request:
    return Request(
        subject=Reference("person", "ann"),
        action=action,
        resource=Reference("shift", "s"),
        context={} if arrival is None else {"arrival": written(arrival)},
        resource_properties={} if ends is None else {"ends": written(ends)},
    )


optional = st.none() | moments


@given(moments, optional, optional, optional, optional)
@example(datetime(2026, 12, 24, 23, tzinfo=UTC), None, None, None, None)
@settings(max_examples=150 * deep(1), deadline=None)
def test_rules_read_the_hour_the_weekday_and_the_date_of_the_zone(
    policy: Policy,
    now: datetime,
    starts: datetime | None,
    stored: datetime | None,
    sent: datetime | None,
    arrival: datetime | None,
) -> None:
    facts = snapshot_of(policy, starts, stored)
    ends = stored or sent or datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    here, tokyo = now.astimezone(BERLIN), now.astimezone(TOKYO)
    expected = {
        "swap": starts is not None and starts.astimezone(BERLIN).weekday() in {5, 6},
        "open": here.hour >= 8 and tokyo.hour != 17,
        "join": ends.astimezone(BERLIN).date() == here.date(),
        "mark": f"{here:%Y-%m-%d}" == "2026-12-25",
        "leave": arrival is None or arrival.astimezone(TOKYO).weekday() != 0,
    }

    for action in ACTIONS:
        request = asked(action, arrival, sent)
        assert authorize(request, policy, facts, now).allowed is expected[action], action
        assert search_resources(request, policy, facts, now) == ("s",) * expected[action]


@given(moments, optional, st.sampled_from(ACTIONS), st.integers(0, 99))
@settings(max_examples=100 * deep(1), deadline=None)
def test_a_decision_stays_what_it_is_within_the_times_that_it_tells(
    policy: Policy, now: datetime, ends: datetime | None, action: str, hundredth: int
) -> None:
    facts = snapshot_of(policy, now, ends)
    decision = authorize(asked(action), policy, facts, now)
    if decision.valid is None:
        assert now.minute == 0  # where an hour or a day begins
        return
    since, until = decision.valid

    assert since < now < until
    soon = min(until, now + timedelta(days=3))
    later = now + (soon - now) * hundredth // 100
    assert authorize(asked(action), policy, facts, later).allowed is decision.allowed
    if action in {"open", "join", "mark"}:
        assert until - since <= timedelta(days=1)


def test_a_log_line_has_the_part_and_hides_that_of_what_is_sensitive(policy: Policy) -> None:
    facts = snapshot_of(policy)

    read = facts_read(asked("join"), policy, facts, START + timedelta(hours=2))

    by_text = {str(fact.question): fact for fact in read}
    today = next(each for text, each in by_text.items() if "today" in text or "'now'" in text)
    last = next(each for text, each in by_text.items() if "'ends'" in text and "date in" in text)
    assert (today.answer, today.sensitive) == ("2026-12-20", False)
    assert (last.answer, last.sensitive) == ("2026-12-25", True)


def test_a_bundle_of_a_zone_that_the_machine_does_not_know_is_refused(
    places: tuple[Path, Path], policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = written_bundle(policy, places[1])
    assert decode(content, "policy.bundle").schema.types["shift"].local
    monkeypatch.setattr(local_loader, "known_zones", lambda: frozenset({"Asia/Tokyo"}))

    with pytest.raises(InvalidPackError, match="knows no time zone `Europe/Berlin`"):
        decode(content, "policy.bundle")
