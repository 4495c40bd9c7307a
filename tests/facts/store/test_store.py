from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from sidecar.errors import InvalidSnapshotError
from sidecar.facts import Cells, MountFaults, Snapshot, Table, build
from sidecar.facts.row_batches import Quoted
from sidecar.facts.sources import TableChanges
from sidecar.facts.store.applier import apply_changes
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


def _built(schema: Schema, groups: Groups) -> Snapshot | None:
    try:
        return build(schema, tables_of(schema, groups))
    except InvalidSnapshotError:
        return None


def _apply(stored: Stored, dice: Random, schema: Schema, old: Groups, new: Groups) -> bool:
    try:
        with stored.file.writing() as transaction:
            changes = changes_between(dice, schema, old, new)
            apply_changes(stored.file, transaction, changes, MountFaults())
            stored.mark(transaction)
    except InvalidSnapshotError:
        return False
    return True


@pytest.mark.many
@pytest.mark.parametrize("seed", range(deep(30, quick=15)))
def test_a_store_after_any_changes_is_that_of_the_same_rows_read_anew(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = Random(seed)  # noqa: S311 - the same changes each time
    # The rows of one key, and the rows with and without faults, shall be in several batches.
    monkeypatch.setattr("sidecar.facts.store.loader.BATCH", dice.choice([1, 2, 5, 100]))
    monkeypatch.setattr("sidecar.facts.row_batches.BATCH", dice.choice([1, 3, 10, 100]))
    generated = SchemaMaker(dice).make()
    (tmp_path / "schema.yaml").write_text(generated.text())
    schema = read_schema(tmp_path / "schema.yaml")
    worlds = []
    for number in range(4):
        WorldMaker(dice, generated).world(tmp_path / f"world{number}")
        worlds.append(read_groups(schema, tmp_path / f"world{number}"))
    groups = worlds[0]
    stored = Stored.loaded(tmp_path / "store", schema, tables_of(schema, groups))
    for step in range(12):
        changed = mixed(dice, groups, dice.choice(worlds))
        built = _built(schema, changed)
        before = stored.content()

        applied = _apply(stored, dice, schema, groups, changed)

        assert applied == (built is not None)
        if built is None:
            assert stored.content() == before
            continue
        groups = changed
        snapshot = stored.snapshot()
        assert list(differences(snapshot, built)) == []
        del snapshot
        anew = Stored.loaded(tmp_path / f"anew{step}", schema, tables_of(schema, groups))
        assert stored.content() == anew.content()
        anew.file.close()
    stored.file.close()


def test_a_row_in_another_spelling_is_a_repeated_key(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(
        "types: {user: {subject: true, table: users, key: mail, attributes: {mail: email}}}"
    )
    schema = read_schema(tmp_path / "schema.yaml")
    first, second = {"mail": Quoted("Ana@a.example")}, {"mail": Quoted("ana@a.example")}
    stored = Stored.loaded(tmp_path / "store", schema, {"user": _table(first)})

    def apply(table: Table, *keys: Cells) -> str:
        try:
            with stored.file.writing() as transaction:
                changes = {"user": TableChanges(table, keys, whole=False)}
                apply_changes(stored.file, transaction, changes, MountFaults())
        except InvalidSnapshotError as error:
            return str(error)
        return ", ".join(stored.snapshot().ids("user"))

    assert "is repeated" in apply(_table(second), second)
    assert apply(_table(), second) == "Ana@a.example"
    assert apply(_table(second), first, second) == "ana@a.example"
    assert apply(_table(), second) == ""


def _table(*rows: Cells) -> Table:
    return Table("users", [(0, cells) for cells in rows], keyed=True)
