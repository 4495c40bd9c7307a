"""Facts that change by chance: rows of generated worlds, mixed key by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

from sidecar.errors import BadRowError
from sidecar.facts import Cells, MountFaults, Snapshot, Table, capture, read_tables
from sidecar.facts.row_parser import Row, RowReader
from sidecar.facts.sources import TableChanges
from sidecar.facts.store.file import Meta, StoreFile, write_meta
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.loader import Loader
from sidecar.facts.store.snapshot import StoredSnapshot
from sidecar.facts.store.transactions import Transaction
from sidecar.schema import EntityType, Key, Schema

K = TypeVar("K")
Groups = Mapping[str, Mapping[Key, list[Cells]]]
"""The rows of each key, by type."""


def read_groups(schema: Schema, directory: Path) -> Groups:
    """Return the rows of a directory."""
    faults = MountFaults()
    groups: dict[str, dict[Key, list[Cells]]] = {}
    for name, table in read_tables(schema, capture(directory), faults).items():
        reader = RowReader(schema, schema.types[name], table, faults)
        for _, cells in table.rows:
            key = reader.read_key(cells)
            assert key is not None
            groups.setdefault(name, {}).setdefault(key, []).append(cells)
    assert not faults
    return groups


def mixed(dice: Random, old: Groups, new: Groups) -> Groups:
    """Return rows of which each key's are those of one of two worlds."""
    share = dice.choice([0.1, 0.5, 0.9, 1.0])
    result: dict[str, dict[Key, list[Cells]]] = {}
    for name in {*old, *new}:
        before, after = old.get(name, {}), new.get(name, {})
        for key in {**before, **after}:
            rows = (after if dice.random() < share else before).get(key)
            if rows:
                result.setdefault(name, {})[key] = rows
    return result


def tables_of(schema: Schema, groups: Groups) -> dict[str, Table]:
    """Return rows as a source gives them."""
    return {
        declared.name: _table(declared.table, groups.get(declared.name, {}).values())
        for declared in schema.types.values()
        if declared.table
    }


def changes_between(
    dice: Random, schema: Schema, old: Groups, new: Groups
) -> dict[str, TableChanges]:
    """Return the changes from some rows to others, as a source with a change log gives them."""
    changes = {}
    for name in {*old, *new}:
        before, after = old.get(name, {}), new.get(name, {})
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        unchanged = [key for key in before if before.get(key) == after.get(key)]
        keys += dice.sample(unchanged, dice.randint(0, len(unchanged)))  # written again, unchanged
        declared = schema.types[name]
        if dice.random() < 0.2:
            table = _table(declared.table, after.values())
            changes[name] = TableChanges(table, (), whole=True)
        elif keys:
            columns = [
                {column: cells[column] for column in declared.key}
                for cells in ((before.get(key) or after[key])[0] for key in keys)
            ]
            table = _table(declared.table, [after[key] for key in keys if key in after])
            changes[name] = TableChanges(table, columns, whole=False)
    return changes


def _table(name: str, groups: Iterable[list[Cells]]) -> Table:
    return Table(name, [(0, cells) for rows in groups for cells in rows], keyed=True)


@dataclass
class Stored:
    """A store that a test writes."""

    file: StoreFile
    number: int = 0

    @classmethod
    def loaded(
        cls,
        path: Path,
        schema: Schema,
        tables: Mapping[str, Table],
        *,
        takes_bad_rows: bool = False,
    ) -> Stored:
        """Return a store with all rows; raises as `Loader.load`."""
        layout = Layout.of(schema, takes_bad_rows=takes_bad_rows)
        file = StoreFile(path, layout, writable=True)
        stored = cls(file)
        try:
            Loader(file, MountFaults()).load(tables)
            with file.writing() as transaction:
                stored.mark(transaction)
        except BaseException:
            file.close()
            raise
        return stored

    def mark(self, transaction: Transaction) -> None:
        """Record a new revision."""
        self.number += 1
        meta = Meta(self.file.layout.digest, "0" * 16, self.number, "", "", 0.0)
        write_meta(transaction, meta)

    def snapshot(self) -> StoredSnapshot:
        """Return the newest revision."""
        return StoredSnapshot(self.file)

    def content(self) -> dict[str, list[tuple[bytes, bytes]]]:
        """Return all that the store holds, but for the revision."""
        with self.file.environment.begin() as transaction:
            return {
                "main": [
                    item
                    for item in transaction.cursor(self.file.main)
                    if not item[0].startswith(b"\0\0")
                ],
                "links": list(transaction.cursor(self.file.links)),
            }


def differences(stored: StoredSnapshot, built: Snapshot) -> Iterator[str]:
    """Yield what differs between a store and the dictionaries of the same rows."""
    for declared in built.schema.types.values():
        yield from _rows_differing(declared, stored, built)
        if declared.table:
            yield from _holders_differing(declared, stored, built)
        yield from _found_differing(declared, stored, built)


def _rows_differing(declared: EntityType, stored: StoredSnapshot, built: Snapshot) -> Iterator[str]:
    name, rows = declared.name, built.rows(declared.name)
    if set(stored.rows(name)) != set(rows):
        yield f"rows of {name}"
    ids = list(built.ids(name))
    for after in ("", *ids[:2]):
        if list(stored.ids(name, after)) != list(built.ids(name, after)):
            yield f"ids of {name} behind {after}"
    for key in rows:
        if stored.id_of(name, key) != built.id_of(name, key):
            yield f"id of {name} {key}"
        if row_or_bad(stored.rows(name), key) != row_or_bad(rows, key):
            yield f"row of {name} {key}"


def row_or_bad(rows: Mapping[K, Row], key: K) -> Row | str | None:
    """Return the row of a key, or the message that it is a bad one."""
    try:
        return rows.get(key)
    except BadRowError as error:
        return str(error)


def _holders_differing(
    declared: EntityType, stored: StoredSnapshot, built: Snapshot
) -> Iterator[str]:
    for attribute in declared.attributes:
        name = declared.name
        expected, found = built.holders(name, attribute), stored.holders(name, attribute)
        for value, keys in expected.items():
            held = found.get(value) or ()
            if sorted(map(str, held)) != sorted(map(str, keys)) or len(held) != len(keys):
                yield f"holders of {name}.{attribute} {value}: {list(held)} {keys}"
        if set(found) != set(expected):
            yield f"values of {name}.{attribute}"


def _found_differing(
    declared: EntityType, stored: StoredSnapshot, built: Snapshot
) -> Iterator[str]:
    for lookup in declared.lookups:
        if declared.lookups[lookup].finds_any:
            continue  # found by the holders of values alone
        expected, found = built.find(declared.name, lookup), stored.find(declared.name, lookup)
        if len(found) != len(expected):
            yield f"number of {declared.name}.{lookup}"
        for lookup_key in expected:
            one, other = row_or_bad(found, lookup_key), row_or_bad(expected, lookup_key)
            if one != other:
                yield f"{declared.name}.{lookup}{lookup_key}: {one} {other}"
