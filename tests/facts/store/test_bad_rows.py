"""Rows that break the schema and are taken all the same: they are found, and cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from sidecar.errors import InvalidSnapshotError
from sidecar.facts import Cell, Cells, MountFaults, Snapshot, Table, build
from sidecar.facts.row_batches import Quoted, Refused
from sidecar.facts.store.applier import apply_changes
from sidecar.facts.store.encoding import MAX_ID_BYTES
from sidecar.facts.store.reports import bad_rows
from sidecar.schema import Schema, read_schema
from tests.depth import deep
from tests.facts.store.changing import (
    Groups,
    Stored,
    changes_between,
    differences,
    mixed,
    read_groups,
    tables_of,
)
from tests.generated.schemas import SchemaMaker
from tests.generated.worlds import WorldMaker

BANS = """
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  ban: {table: bans, key: id, attributes: {id: string, since: instant}}
"""


def spoilt(dice: Random, schema: Schema, groups: Groups) -> Groups:
    """Return rows of which some break the schema, in any column but those of the key."""
    share = dice.choice([0.02, 0.1])
    return {
        name: {
            key: [
                _spoil(dice, schema.types[name].key, cells) if dice.random() < share else cells
                for cells in rows
            ]
            for key, rows in keys.items()
            if dice.random() > share  # or what others refer to is missing
        }
        for name, keys in groups.items()
    }


def _spoil(dice: Random, key: Sequence[str], cells: Cells) -> Cells:
    name = dice.choice([*sorted({*cells} - {*key}), "undeclared"])
    nested: Cell = [Quoted("x"), Refused("is nested")]
    return {
        **cells,
        name: dice.choice([Quoted("\0"), nested, "null", Quoted("?")]),
    }


def _built(schema: Schema, groups: Groups) -> Snapshot | None:
    try:
        return build(schema, tables_of(schema, groups), takes_bad_rows=True)
    except InvalidSnapshotError:
        return None


@pytest.mark.many
@pytest.mark.parametrize("seed", range(deep(30, quick=15)))
def test_a_store_with_bad_rows_is_that_of_the_same_rows_read_anew(
    seed: int, tmp_path: Path
) -> None:
    dice = Random(seed)  # noqa: S311 - the same changes each time
    generated = SchemaMaker(dice).make()
    (tmp_path / "schema.yaml").write_text(generated.text())
    schema = read_schema(tmp_path / "schema.yaml")
    worlds = []
    for number in range(4):
        WorldMaker(dice, generated).world(tmp_path / f"world{number}")
        world = read_groups(schema, tmp_path / f"world{number}")
        worlds += [world, *(spoilt(dice, schema, world) for _ in range(2))]
    groups = worlds[0]
    stored = Stored.loaded(
        tmp_path / "store", schema, tables_of(schema, groups), takes_bad_rows=True
    )
    for step in range(12):
        changed = mixed(dice, groups, dice.choice(worlds))
        built, before = _built(schema, changed), stored.content()
        try:
            with stored.file.writing() as transaction:
                changes = changes_between(dice, schema, groups, changed)
                apply_changes(stored.file, transaction, changes, MountFaults())
                stored.mark(transaction)
        except InvalidSnapshotError:
            assert built is None
            assert stored.content() == before
            continue
        assert built is not None
        groups = changed
        snapshot = stored.snapshot()
        assert list(differences(snapshot, built)) == []
        with stored.file.reading() as transaction:
            found = bad_rows(transaction, stored.file.layout)
        assert len(found) == len(built.problems())
        del snapshot
        anew = Stored.loaded(
            tmp_path / f"anew{step}", schema, tables_of(schema, groups), takes_bad_rows=True
        )
        assert stored.content() == anew.content()
        anew.file.close()
    stored.file.close()


def test_a_row_that_no_store_can_hold_is_not_passed_over_when_another_one_follows(
    tmp_path: Path,
) -> None:
    (tmp_path / "schema.yaml").write_text(BANS)
    schema = read_schema(tmp_path / "schema.yaml")
    bad: Cells = {"id": "x" * (MAX_ID_BYTES + 1), "since": "some day"}
    tables = {
        "user": Table("users", []),
        "ban": Table("bans", [(1, bad), (2, {"id": "y", "since": "2026-12-24T00:00:00Z"})]),
    }

    with pytest.raises(InvalidSnapshotError, match="the id is longer"):
        Stored.loaded(tmp_path / "store", schema, tables, takes_bad_rows=True)
