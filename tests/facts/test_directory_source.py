from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.errors import SourceError
from sidecar.facts import MountFaults, build, read_directory
from sidecar.facts.sources import DirectorySource, Look, LookState, Position
from sidecar.schema import Schema
from tests.facts.test_json_lines import mount_of_lines
from tests.facts.world import WORLD, mount


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def position_of(source: DirectorySource) -> Position:
    with source.read(MountFaults()) as reading:
        for table in reading.tables.values():
            list(table.rows)
    return reading.position


@pytest.mark.parametrize("write", [mount, mount_of_lines])
def test_a_reading_holds_the_rows_of_the_mount(
    schema: Schema, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    directory = write(tmp_path)
    source, faults = DirectorySource(directory, schema), MountFaults()

    with source.read(faults) as reading:
        snapshot = build(schema, reading.tables, faults)

    assert snapshot.revision == read_directory(schema, directory).revision
    assert source.look(reading.position) == Look(reading.position, LookState.UNCHANGED)


def test_a_changed_mount_is_read_when_it_holds_still(schema: Schema, tmp_path: Path) -> None:
    directory, clock = mount(tmp_path), Clock()
    source = DirectorySource(directory, schema, clock)
    position = position_of(source)
    assert source.look(position).state is LookState.UNCHANGED

    (directory / "people.yaml").write_text(WORLD["people"] + "- {id: di, email: d@x.example}\n")

    assert [source.look(position).state for _ in range(2)] == [
        LookState.UNSETTLED,
        LookState.CHANGED,
    ]
    with source.changes(position, MountFaults()) as changes:
        assert changes is None
    assert position_of(source) != position


def test_a_mount_that_never_rests_is_read_after_a_while(schema: Schema, tmp_path: Path) -> None:
    directory, clock = mount(tmp_path), Clock()
    source = DirectorySource(directory, schema, clock)
    states = []
    for second in range(4):
        clock.now = float(second)
        (directory / "people.yaml").write_text(WORLD["people"] + f"# {second}\n")
        states.append(source.look(None).state)

    assert states == [LookState.UNSETTLED] * 2 + [LookState.CHANGED] * 2


def test_lines_that_change_while_they_are_read_are_no_reading(
    schema: Schema, tmp_path: Path
) -> None:
    directory = mount_of_lines(tmp_path)
    source = DirectorySource(directory, schema)

    def read() -> None:
        with source.read(MountFaults()) as reading:
            (directory / "people.jsonl").write_text('{"id":"eve","email":"e@x.example"}\n')
            for table in reading.tables.values():
                list(table.rows)

    with pytest.raises(SourceError, match="changed while it was read"):
        read()


def test_an_unreadable_mount_completes_no_look(schema: Schema, tmp_path: Path) -> None:
    source = DirectorySource(tmp_path / "gone", schema)

    with pytest.raises(SourceError, match="gone: cannot be read: No such file"):
        source.look(None)


def test_a_position_is_read_back_from_its_text() -> None:
    position = Position("postgresql", "7-1 a", "1:2:")

    assert Position.parse(position.text()) == position
    for text in ("", "[]", '["a","b"]', '["a","b",1]', "{}"):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with the text
            Position.parse(text)


@pytest.mark.parametrize(
    ("token", "reached"),
    [
        ("postgresql:7-1:9", True),
        ("postgresql:7-1:10", False),
        ("postgresql:7-1:11", True),
        ("postgresql:7-1:12", False),
        ("postgresql:7-1:13", False),
        ("postgresql:7-2:9", False),
        ("sqlite:7-1:9", False),
        ("9", False),
        ("", False),
    ],
)
def test_a_token_is_reached_when_its_transaction_is_visible(token: str, reached: bool) -> None:  # noqa: FBT001
    position = Position("postgresql", "7-1 shape", "10:13:10,12")

    assert position.reached(token) is reached


def test_a_token_of_sqlite_is_reached_at_its_row_of_the_log() -> None:
    position = Position("sqlite", "ab12 77", "5.-123")

    assert position.reached("sqlite:ab12:5")
    assert not position.reached("sqlite:ab12:6")
    assert not position.reached("sqlite:ab13:1")
