"""Hours, weekdays and dates for reviewers: states that can be, examples, replays and edits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.engine.policy import Policy
from sidecar.facts import Table, build
from sidecar.model import Reference, Request
from tests.depth import deep
from tests.review.test_line_decision import Tally

SCHEMA = """
types:
  person: {subject: true, table: people, key: id, attributes: {id: string}}
  shift:
    table: shifts
    key: id
    attributes:
      id: string
      starts: {type: instant, optional: true}
      ends: {type: instant, optional: true, sensitive: true}
      note: {type: string, optional: true}
      day: {part: weekday, of: starts, zone: Europe/Berlin}
      date: {part: date, of: starts, zone: Europe/Berlin}
      hour: {part: hour, of: starts, zone: Europe/Berlin}
      tokyo_hour: {part: hour, of: starts, zone: Asia/Tokyo}
      tokyo_date: {part: date, of: starts, zone: Asia/Tokyo}
      india: {part: hour, of: starts, zone: Asia/Kolkata}
      last: {part: date, of: ends, zone: Europe/Berlin}
      last_hour: {part: hour, of: ends, zone: Europe/Berlin}
    actions: [work]
context:
  hour: {part: hour, of: now, zone: Europe/Berlin}
  today: {part: date, of: now, zone: Europe/Berlin}
settings:
  far: instant
  holidays: set of string
"""
SETTINGS = 'far: 2026-07-01T12:00:00Z\nholidays: ["2026-12-25", "2026-12-26"]\n'
HEAD = 'allow(_: Person, _: Action{name: "work"}, shift: Shift) if '


@pytest.fixture
def pack(tmp_path: Path) -> Callable[[str, str], list[str]]:
    def write(condition: str, name: str = "pack") -> list[str]:
        policies, fixtures = tmp_path / name / "policies", tmp_path / name / "fixtures"
        policies.mkdir(parents=True)
        fixtures.mkdir()
        (policies / "main.polar").write_text(f"{HEAD}{condition};\n")
        (policies / "invariants.yaml").write_text(
            "invariants: [{name: nobody works, never: {resource: shift, action: work}}]\n"
        )
        (fixtures / "schema.yaml").write_text(SCHEMA)
        (fixtures / "settings.yaml").write_text(SETTINGS)
        (fixtures / "reasons.yaml").write_text("{}\n")
        return ["--policies", str(policies), "--fixtures", str(fixtures)]

    return write


@pytest.mark.parametrize(
    ("condition", "example"),
    [
        ("shift.day = 6", "starts: 20"),
        ("shift.day = 8", None),
        ("shift.hour = 24", None),
        ("shift.hour < 0", None),
        ('shift.date = "2026-12-24" and shift.day = 4', "starts: 2026-12-2"),
        ('shift.date = "2026-12-24" and shift.day = 5', None),
        ('shift.date = "2026-12-24" and shift.tokyo_date = "2026-12-24"', "starts: 2026-12-2"),
        ('shift.date = "2026-12-24" and shift.tokyo_date = "2026-12-25"', "starts: 2026-12-24T"),
        ('shift.date = "2026-12-24" and shift.tokyo_date = "2026-12-26"', None),
        ('shift.date = "24.12.2026"', None),
        # In winter Tokyo is eight hours ahead, in summer seven.
        ('shift.date = "2026-12-24" and shift.hour = 9 and shift.tokyo_hour = 17', "T08:"),
        ('shift.date = "2026-12-24" and shift.hour = 9 and shift.tokyo_hour = 16', None),
        ('shift.date = "2026-06-24" and shift.hour = 9 and shift.tokyo_hour = 16', "T07:"),
        ('shift.date = "2026-06-24" and shift.hour = 9 and shift.india = 13', "T07:3"),
        # No clock shows the hour that is left out; the one that comes twice has two in Tokyo.
        ('shift.date = "2026-03-29" and shift.hour = 2', None),
        ('shift.date = "2026-10-25" and shift.hour = 2 and shift.tokyo_hour = 9', "T00:"),
        ('shift.date = "2026-10-25" and shift.hour = 2 and shift.tokyo_hour = 10', "T01:"),
        ("shift.starts > settings.far and not shift.starts >= shift.ends", "starts: 2026-"),
        ('shift.starts >= settings.far and shift.date = "2026-07-01" and shift.hour < 14', None),
        ('shift.starts >= settings.far and shift.date = "2026-07-01"', "starts: 2026-07-01T"),
        ("shift.starts = shift.ends and not shift.date = shift.last", None),
        ('shift.note = shift.date and shift.date = "2026-12-24"', "note: 2026-12-24"),
        ("settings.holidays.includes(shift.date) = true and shift.day = 5", "2026-12-2"),
        ("settings.holidays.includes(shift.date) = true and shift.day = 4", None),
        ("context.hour = 3 and shift.date = context.today", "starts: 20"),
    ],
)  # fmt: skip
def test_states_are_those_that_clocks_and_calendar_allow(
    pack: Callable[..., list[str]], condition: str, example: str | None
) -> None:
    told = CliRunner().invoke(main, ["prove", *pack(condition)])

    assert told.exit_code == (1 if example else 0), told.output
    if example:
        assert example in told.output, told.output
    else:
        assert "proved  nobody works" in told.output


@pytest.mark.many
def test_a_state_that_hangs_on_a_change_of_clocks_in_no_year_is_no_example(
    pack: Callable[..., list[str]],
) -> None:
    """In no year an hour is followed by an earlier one of the same day."""
    earlier = "shift.starts < shift.ends and shift.date = shift.last and shift.hour > "

    told = CliRunner().invoke(main, ["prove", *pack(earlier + "shift.last_hour")])

    assert told.exit_code != 1, told.output
    assert "for example" not in told.output


def test_another_zone_is_an_edit_whose_situations_are_told(
    pack: Callable[..., list[str]], tmp_path: Path
) -> None:
    pack("shift.hour >= 9", "old")
    pack("shift.tokyo_hour >= 9", "new")

    told = CliRunner().invoke(main, ["diff", str(tmp_path / "old"), str(tmp_path / "new")])

    assert told.exit_code == 1, told.output
    assert "newly allowed: work on shift, for person" in told.output
    assert 'shift.starts."hour in Asia/Tokyo" is at least 9' in told.output


def test_a_zone_that_is_declared_otherwise_is_told(
    pack: Callable[..., list[str]], tmp_path: Path
) -> None:
    pack("shift.hour >= 9", "old")
    pack("shift.hour >= 9", "new")
    schema = tmp_path / "new/fixtures/schema.yaml"
    schema.write_text(
        schema.read_text().replace("of: now, zone: Europe/Berlin", "of: now, zone: UTC")
    )

    told = CliRunner().invoke(main, ["diff", str(tmp_path / "old"), str(tmp_path / "new")])

    assert "`zone` of member `hour` of the context was Europe/Berlin, now UTC" in told.output


def policy_of(places: list[str]) -> Policy:
    texts, sentences = read_texts(Path(places[1]), Path(places[3]))
    return assemble(texts, sentences, compile_pack(texts))


CONDITIONS = (
    "shift.day in [6, 7]",
    "shift.hour < 12 and not shift.last = context.today",
    "shift.tokyo_hour >= 9 and context.hour >= 7",
    "shift.last = shift.date or shift.last_hour < shift.hour",
    "settings.holidays.includes(shift.last) = true",
)


def test_lines_are_judged_from_their_own_parts_or_not_at_all(
    pack: Callable[..., list[str]],
) -> None:
    policies = [policy_of(pack(each, str(at))) for at, each in enumerate(CONDITIONS)]
    dice, tally = Random(1), Tally()  # noqa: S311  a test can be repeated
    for _ in range(60 * deep(1)):
        old, new = dice.choice(policies), dice.choice(policies)
        times = [
            datetime(2026, 12, 24, tzinfo=UTC) + timedelta(hours=dice.randint(0, 72))
            for _ in range(3)
        ]
        shift = {"id": "s"}
        for name, moment in zip(("starts", "ends"), times, strict=False):
            if dice.random() < 0.8:
                shift[name] = moment.isoformat().replace("+00:00", "Z")
        tables = {"person": ("people", [{"id": "ann"}]), "shift": ("shifts", [shift])}
        facts = build(
            old.schema,
            {
                name: Table(table, list(enumerate(rows, 1)))
                for name, (table, rows) in tables.items()
            },
        )
        request = Request(
            subject=Reference("person", "ann"), action="work", resource=Reference("shift", "s")
        )
        tally.judge(request, (old, new), facts, times[2] + timedelta(minutes=5))

    assert tally.wrong == []
    assert tally.counts["key: changed"] > 3
    assert tally.counts["no key: decision None"] > 3
