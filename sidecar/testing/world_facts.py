"""The facts of a world, which a test may change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from sidecar.facts import (
    Cell,
    Cells,
    MountFaults,
    Quoted,
    Snapshot,
    Table,
    build,
    capture,
    read_tables,
)
from sidecar.schema import EntityType, Schema, ValueType
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.suites.world import cell_value, merge_rows

Columns: TypeAlias = Mapping[str, object]
"""A row: texts, numbers, booleans, aware instants, lists of them, or None for no value."""


class WorldFacts:
    """The rows of a world by table; every change is checked as a mount is.

    ::

        facts.put("memberships", account="acme", user="bob", role="support")
        facts.remove("memberships", account="acme", user="bob")
        facts["memberships"] = []
    """

    def __init__(self, schema: Schema, directory: Path) -> None:
        """Read a world.

        Raises:
            InvalidSnapshotError: It cannot be read, or does not fit the schema; all its faults.
        """
        self._schema = schema
        faults = MountFaults()
        self._tables = {
            name: [row for _, row in table.rows]
            for name, table in read_tables(schema, capture(directory), faults).items()
        }
        self.snapshot = self._build(self._tables, faults)
        """The facts as they are now."""
        self.revisions = {self.snapshot.revision}
        """Those of all facts so far."""

    def __iter__(self) -> Iterator[str]:
        return (declared.table for declared in self._schema.types.values() if declared.table)

    def __getitem__(self, table: str) -> list[dict[str, str | list[str]]]:
        """Return the rows of a table, each with its columns as the world writes them.

        Raises:
            KeyError: There is no such table.
        """
        return [dict(row) for row in self._tables.get(self._declared(table).name, ())]

    def __setitem__(self, table: str, rows: Iterable[Columns]) -> None:
        """Replace the rows of a table.

        Raises:
            KeyError: There is no such table.
            InvalidSnapshotError: The facts would be invalid; they stay as they are.
        """
        self._replace(self._declared(table), [_cells(row) for row in rows])

    def put(self, table: str, **columns: object) -> None:
        """Change the row with this key, of which other columns stay as they are; or add it.

        Raises:
            KeyError: There is no such table.
            InvalidSnapshotError: The facts would be invalid; they stay as they are.
        """
        declared = self._declared(table)
        rows = [(0, row) for row in self._tables.get(declared.name, ())]
        merged = merge_rows(self._schema, declared, rows, [(0, _cells(columns))])
        self._replace(declared, [row for _, row in merged])

    def remove(self, table: str, **columns: object) -> None:
        """Remove the rows with these values.

        Raises:
            KeyError: There is no such table, column or row.
            InvalidSnapshotError: The facts would be invalid; they stay as they are.
        """
        declared = self._declared(table)
        unknown = [name for name in columns if name not in declared.attributes]
        if unknown:
            raise KeyError(f"`{table}` has no column {shown(unknown[0])}")
        removed, rows = _cells(columns), self._tables.get(declared.name, [])
        kept = [row for row in rows if not self._has(declared, row, removed)]
        if len(kept) == len(rows):
            raise KeyError(f"`{table}` has no such row")
        self._replace(declared, kept)

    def _has(self, declared: EntityType, row: Cells, values: Cells) -> bool:
        return all(
            self._is_same(declared.attributes[name].type, row.get(name), value)
            for name, value in values.items()
        )

    def _is_same(self, value_type: ValueType, cell: Cell | None, other: Cell) -> bool:
        if isinstance(cell, list) and isinstance(other, list):
            return set(cell) == set(other)
        if isinstance(cell, list) or isinstance(other, list):
            return False
        first, second = (cell_value(self._schema, value_type, each) for each in (cell, other))
        return first == second

    def _declared(self, table: str) -> EntityType:
        for declared in self._schema.types.values():
            if declared.table == table:
                return declared
        mend = nearest(table, [*self]) or f"; there is {one_of([*self])}"
        raise KeyError(f"there is no table {shown(table)}{mend}")

    def _replace(self, declared: EntityType, rows: list[Cells]) -> None:
        tables = {**self._tables, declared.name: rows}
        self.snapshot = self._build(tables, MountFaults())
        self._tables = tables
        self.revisions.add(self.snapshot.revision)

    def _build(self, tables: Mapping[str, list[Cells]], faults: MountFaults) -> Snapshot:
        return build(
            self._schema,
            {
                name: Table(self._schema.types[name].table, [(0, row) for row in rows], keyed=True)
                for name, rows in tables.items()
            },
            faults,
        )


def _cells(columns: Columns) -> Cells:
    return {
        name: [_cell(item) for item in value] if isinstance(value, list | tuple) else _cell(value)
        for name, value in columns.items()
    }


def _cell(value: object) -> str:
    """Return a value as a cell.

    Raises:
        ValueError: It is an instant without a time zone.
    """
    if isinstance(value, str):
        return Quoted(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"`{value}` has no time zone")
        return value.isoformat()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
