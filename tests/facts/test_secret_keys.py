"""Faults of facts name no id that holds a sensitive key, nor one that refers to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sidecar.errors import InvalidSnapshotError
from sidecar.facts import Cells, Quoted, Table, build
from sidecar.schema import Schema, read_schema
from tests.facts.store.changing import Stored

ANA = "ana@acme.example"

SCHEMA = """
types:
  user:
    subject: true
    table: users
    key: email
    attributes: {email: {type: email, sensitive: true}}
    lookups:
      seat: {finds: seat, match: {user: this}}
  seat:
    table: seats
    key: [place, user]
    attributes: {place: string, user: user, row: {type: integer, optional: true}}
  ticket:
    table: tickets
    key: id
    attributes: {id: string, seat: {type: seat, optional: true}}
"""

USER: Cells = {"email": ANA}
SEAT: Cells = {"place": "a", "user": ANA}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    path = tmp_path_factory.mktemp("secret") / "schema.yaml"
    path.write_text(SCHEMA)
    return read_schema(path)


@pytest.mark.parametrize("source", ["with lines", "by their ids", "a store"])
@pytest.mark.parametrize(
    ("users", "seats", "tickets", "expected"),
    [
        ([USER], [SEAT, SEAT], [], "seat of this id is repeated"),
        ([], [SEAT], [], "column `user`: user its value does not exist"),
        ([USER], [], [{"seat": f"a/{ANA}"}], "column `seat`: seat its value does not exist"),
        ([USER], [{**SEAT, "row": Quoted("front")}], [], "column `row`: `front` is "),
        (
            [USER],
            [{**SEAT, "user": f"{ANA}@"}],
            [],
            "column `user`: its value is no id of type user",
        ),
        ([USER], [], [{"seat": f"a{ANA}"}], "column `seat`: its value"),
        ([USER], [SEAT, {**SEAT, "place": "b"}], [], "`user.seat` finds "),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_fault_names_no_sensitive_key(
    schema: Schema,
    users: list[Cells],
    seats: list[Cells],
    tickets: list[Cells],
    expected: str,
    source: str,
    tmp_path: Path,
) -> None:
    keyed = source != "with lines"
    numbered: list[Cells] = [{"id": Quoted("1"), **row} for row in tickets]
    rows: dict[str, list[Cells]] = {"user": users, "seat": seats, "ticket": numbered}
    tables = {
        name: Table(f"{name}s", [(0 if keyed else 1, cells) for cells in each], keyed)
        for name, each in rows.items()
    }

    read: Callable[..., object] = build
    if source == "a store":
        read = partial(Stored.loaded, tmp_path / "store")
    with pytest.raises(InvalidSnapshotError) as refused:
        read(schema, tables)

    (message,) = [str(problem) for problem in refused.value.problems]
    assert expected in message
    assert "ana" not in message
