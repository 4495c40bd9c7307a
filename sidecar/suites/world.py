"""The world of a suite: its facts, with the rows that single cases change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sidecar.errors import InvalidSnapshotError, InvalidSuiteError, Problem
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
from sidecar.schema import EntityType, Schema, Value, ValueType, parse_text
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import Items, Members, Node, Text
from sidecar.suites.model import Case, Suite

NumberedRow = tuple[int, Cells]
"""A row, after the number of its line."""


class World:
    """The snapshots of a suite's cases: one of the world, and one for each case that changes it."""

    def __init__(self, suite: Suite, schema: Schema, worlds: Path) -> None:
        """Read the world of a suite.

        Raises:
            InvalidSuiteError: There is no such world, or a case changes a table that is not there.
            InvalidSnapshotError: The world cannot be read.
        """
        directory = worlds / suite.world
        if not directory.is_dir():
            known = [path.name for path in worlds.iterdir()] if worlds.is_dir() else []
            message = f"there is no world {shown(suite.world)}{nearest(suite.world, known)}"
            raise InvalidSuiteError([Problem(suite.file, suite.line, message)])
        self._schema = schema
        faults = MountFaults()
        self._tables = {
            name: Table(table.file, list(table.rows))
            for name, table in read_tables(schema, capture(directory), faults).items()
        }
        self._unchanged = build(schema, self._tables, faults)
        self._changed: tuple[Case, Snapshot] | None = None
        tables = [declared.table for declared in schema.types.values() if declared.table]
        problems = [
            Problem(case.file, case.line, f"`facts` names {shown(table)}, which is no table{mend}")
            for case in suite.cases
            for table in case.facts
            if table not in tables
            for mend in [nearest(table, tables) or f"; there is {one_of(tables)}"]
        ]
        if problems:
            raise InvalidSuiteError(problems)

    def snapshot(self, case: Case) -> Snapshot:
        """Return the facts of a case.

        Raises:
            InvalidSuiteError: The rows of the case do not fit into this world.
        """
        if not case.facts:
            return self._unchanged
        if self._changed is None or self._changed[0] is not case:
            self._changed = (case, self._change(case))
        return self._changed[1]

    def _change(self, case: Case) -> Snapshot:
        tables = {}
        for name, table in self._tables.items():
            declared = self._schema.types[name]
            changes = [(row.line, _cells(row)) for row in case.facts.get(declared.table, ())]
            rows = merge_rows(self._schema, declared, list(table.rows), changes)
            tables[name] = Table(declared.table, rows)
        try:
            return build(self._schema, tables)
        except InvalidSnapshotError as error:
            problems = [
                Problem(case.file, case.line, f"with the `facts` of this case: {problem}")
                for problem in error.problems
            ]
            raise InvalidSuiteError(problems) from error


def merge_rows(
    schema: Schema,
    declared: EntityType,
    rows: Sequence[NumberedRow],
    changes: Sequence[NumberedRow],
) -> list[NumberedRow]:
    """Return the rows of a world, changed by the rows of a case.

    A change whose key a row has replaces the cells that it names, in the last such row if there are
    several. Every other change is a new row.
    """
    result = list(rows)
    for line, change in changes:
        key = _key(schema, declared, change)
        same = (at for at, (_, row) in enumerate(result) if _key(schema, declared, row) == key)
        index = max(same, default=None)
        if index is None:
            result.append((line, change))
        else:
            result[index] = (line, {**result[index][1], **change})
    return result


def _key(schema: Schema, declared: EntityType, row: Cells) -> tuple[Value, ...]:
    return tuple(
        cell_value(schema, declared.attributes[column].type, row.get(column))
        for column in declared.key
    )


def cell_value(schema: Schema, value_type: ValueType, cell: Cell | None) -> Value:
    """Return the value of a cell; its text if it is invalid, which `build` reports."""
    if not isinstance(cell, str):
        return None
    try:
        return parse_text(schema, value_type, str(cell), isinstance(cell, Quoted))
    except ValueError:
        return str(cell)


def _cells(row: Members) -> Cells:
    return dict(_named_cells(row.members))


def _named_cells(members: Mapping[str, Node]) -> Iterator[tuple[str, str | list[str]]]:
    for name, node in members.items():
        if isinstance(node, Text):
            yield name, _text(node)
        elif isinstance(node, Items):
            yield name, [_text(item) for item in node.items if isinstance(item, Text)]


def _text(node: Text) -> str:
    return Quoted(node.text) if node.quoted else node.text
