from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sidecar.errors import InvalidSnapshotError
from sidecar.facts import MountFaults, Snapshot, build, read_directory
from sidecar.facts.json_lines import read_json_lines
from sidecar.facts.plain_yaml import read_rows
from sidecar.facts.row_batches import Batch, batches_of
from sidecar.facts.row_parser import Table
from sidecar.schema import Schema
from tests.facts.world import WORLD, mount


def lines_of(text: str) -> str:
    """Return the rows of a YAML text as JSON Lines."""
    rows = yaml.safe_load(text)
    return "".join(json.dumps(row) + "\n" for row in rows) or "[]\n"


def mount_of_lines(tmp_path: Path, **tables: str) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(exist_ok=True, parents=True)
    for name, text in ({name: lines_of(text) for name, text in WORLD.items()} | tables).items():
        (directory / f"{name}.jsonl").write_text(text)
    return directory


def faults_of(schema: Schema, directory: Path) -> list[str]:
    with pytest.raises(InvalidSnapshotError) as refused:
        read_directory(schema, directory)
    return [str(problem) for problem in refused.value.problems]


def test_a_mount_of_json_lines_holds_the_facts_of_a_mount_of_yaml(
    schema: Schema, tmp_path: Path
) -> None:
    of_yaml = read_directory(schema, mount(tmp_path / "yaml"))
    of_lines = read_directory(schema, mount_of_lines(tmp_path / "lines"))

    for name in schema.types:
        assert of_lines.rows(name) == of_yaml.rows(name)


@pytest.mark.parametrize(
    ("people", "line", "message"),
    [
        ('{"id":"ann","id":"bob","email":"a@x.example"}\n', 1, "column `id` is repeated"),
        ('{"id":"ann","email":"a@x.example","badge":NaN}\n', 1, "is not JSON"),
        ('{"id":"ann","email":"a@x.example","badge":Infinity}\n', 1, "is not JSON"),
        ('{"id":"ann","email":"a@x.example"}\n{"id":"b', 2, "is not JSON"),
        ('{"id":"ann","email":"a@x.example"}', 1, "the last line has no end"),
        ('{"id":"ann","email":"a@x.example"}\n\n', 2, "is empty; remove it"),
        ("", 0, "is empty, and may be half-written; write `[]`"),
        ('["ann"]\n', 1, "this row is not a map"),
        ('[]\n{"id":"ann","email":"a@x.example"}\n', 2, "stands after `[]`"),
        ('{"id":7,"email":"a@x.example"}\n', 1, "`7` is a number, not text; quote it"),
        ('{"id":"ann","email":"a@x.example","badge":"7"}\n', 1, "`7` is not an integer"),
        ('{"id":"ann","email":"a@x.example","lead":{"id":"b"}}\n', 1, "column `lead` is nested"),
        ('{"id":"ann","email":"a@x.example","lead":[["b"]]}\n', 1, "column `lead` is nested"),
        ('{"id":"ann","email":null}\n', 1, "column `email` is missing"),
        ('{"id":"ann","email":"a@x.example","mail":""}\n', 1, "did you mean `email`?"),
        ('{"id":"\\ud800","email":"a@x.example"}\n', 1, "is not JSON"),
    ],
)
def test_a_fault_of_a_line_is_reported_with_its_number(
    schema: Schema, tmp_path: Path, people: str, line: int, message: str
) -> None:
    faults = faults_of(schema, mount_of_lines(tmp_path, people=people))

    place = f"data/people.jsonl:{line}: " if line else "data/people.jsonl: "
    assert any(fault.startswith(place) and message in fault for fault in faults), faults


def test_bytes_that_are_not_utf_8_are_a_fault(schema: Schema, tmp_path: Path) -> None:
    directory = mount_of_lines(tmp_path)
    (directory / "people.jsonl").write_bytes(b'{"id":"\xff","email":"a@x.example"}\n')

    assert faults_of(schema, directory)[0].startswith("data/people.jsonl:1: is not JSON")


def test_two_files_of_one_table_are_a_fault(schema: Schema, tmp_path: Path) -> None:
    directory = mount(tmp_path)
    (directory / "people.jsonl").write_text(lines_of(WORLD["people"]))

    assert faults_of(schema, directory) == [
        "data/people.jsonl: `people.yaml` stands beside it; a table has one file, remove one"
    ]


def test_a_decimal_keeps_its_digits(schema: Schema, tmp_path: Path) -> None:
    fee = "0.1000000000000000055511151231257827"
    directory = mount_of_lines(tmp_path, teams=f'{{"id":"core","founder":"ann","fee":{fee}}}\n')
    (directory / "seats.jsonl").write_text("[]\n")

    rows = read_directory(schema, directory).rows("team")

    assert str(rows["core"][2]) == fee


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["ann", "a@x.example", "held", "7", "true", "", "~", "2026-01-01T00:00:00Z"]),
    st.lists(st.sampled_from(["core", "acme.example", "1"]), max_size=3),
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["id", "founder", "fee", "open", "domains", "friend"]), VALUES),
    min_size=1,
    max_size=3,
)


@hypothesis_settings(deadline=None)
@given(ROWS)
def test_json_lines_and_yaml_have_the_same_rows_and_the_same_faults(
    schema: Schema, rows: list[Mapping[str, object]]
) -> None:
    lines = [json.dumps(row) + "\n" for row in rows]
    faults = MountFaults(), MountFaults()
    of_lines = list(read_json_lines([line.encode() for line in lines], "f", faults[0]))
    yaml = "".join(f"- {line}" for line in lines).encode()
    of_yaml = list(batches_of(read_rows(yaml, "f", faults[1])))

    def result(read: list[Batch]) -> Snapshot | list[str]:
        people = Table("p", [(1, {"id": "ann", "email": "a@x.example"})])
        try:
            return build(schema, {"person": people, "team": Table.of("f", read)})
        except InvalidSnapshotError as error:
            return [str(problem) for problem in error.problems]

    left, right = result(of_lines), result(of_yaml)

    assert faults[0].problems() == faults[1].problems()
    if isinstance(left, Snapshot) and isinstance(right, Snapshot):
        assert left.revision == right.revision
    else:
        assert left == right
