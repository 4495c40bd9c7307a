"""The facts that a case is asked on: those of a world, with the rows that the case changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sidecar.errors import InvalidSnapshotError, InvalidSuiteError, Problem
from sidecar.facts import Cells, Quoted, Snapshot, Table, build, read_directory
from sidecar.schema import EntityType, Schema, Value, ValueType, parse_text
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.yaml_document import Faults, Items, Members, Node, Text, read_document
from sidecar.suites.model import Case, Suite


class World:
    """The snapshots of a suite's cases: the world's own, and one for each case that changes it."""

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
        self._directory = directory
        self._own = read_directory(schema, directory)
        self._tables = {table.table: table for table in schema.types.values() if table.table}
        self._rows: dict[str, tuple[Members, ...]] = {}
        self._changed: tuple[Case, Snapshot] | None = None
        problems = [
            Problem(case.file, case.line, f"`facts` names {shown(table)}, which is no table{mend}")
            for case in suite.cases
            for table in case.facts
            if table not in self._tables
            for mend in [nearest(table, self._tables) or f"; there is {one_of(self._tables)}"]
        ]
        if problems:
            raise InvalidSuiteError(problems)

    def snapshot(self, case: Case) -> Snapshot:
        """Return the facts that a case is asked on.

        Raises:
            InvalidSuiteError: The rows of the case cannot be, in this world.
        """
        if not case.facts:
            return self._own
        if self._changed is None or self._changed[0] is not case:
            self._changed = (case, self._change(case))
        return self._changed[1]

    def _change(self, case: Case) -> Snapshot:
        tables = {}
        for name, table in self._tables.items():
            rows = merged(self._schema, table, self._world_rows(name), case.facts.get(name, ()))
            cells = [(row.line, _cells(row)) for row in rows]
            tables[table.name] = Table(name, cells)
        try:
            return build(self._schema, tables)
        except InvalidSnapshotError as error:
            problems = [
                Problem(case.file, case.line, f"with the `facts` of this case: {problem}")
                for problem in error.problems
            ]
            raise InvalidSuiteError(problems) from error

    def _world_rows(self, table: str) -> tuple[Members, ...]:
        if table not in self._rows:
            # It has been read as a mount is, so nothing can be wrong with it here.
            node = read_document(self._directory / f"{table}.yaml", Faults(table))
            items = node.items if isinstance(node, Items) else ()
            self._rows[table] = tuple(item for item in items if isinstance(item, Members))
        return self._rows[table]


def merged(
    schema: Schema, table: EntityType, rows: Sequence[Members], changes: Sequence[Members]
) -> tuple[Members, ...]:
    """Return the rows of a world with those of a case.

    A row with the key of another replaces the members that it names, of the last such row where
    there are several; every other row is added.
    """
    result = list(rows)
    for change in changes:
        key = _key(schema, table, change)
        same = (at for at, row in enumerate(result) if _key(schema, table, row) == key)
        place = max(same, default=None)
        if place is None:
            result.append(change)
        else:
            both = {**result[place].members, **change.members}
            result[place] = Members(both, change.lines, change.line)
    return tuple(result)


def _key(schema: Schema, table: EntityType, row: Members) -> tuple[Value, ...]:
    return tuple(
        _value(schema, table.attributes[column].type, row.members.get(column))
        for column in table.key
    )


def _value(schema: Schema, value_type: ValueType, cell: Node | None) -> Value:
    """Return the value of a cell of a key; its text where that is none, which is told elsewhere."""
    if not isinstance(cell, Text):
        return None
    try:
        return parse_text(schema, value_type, cell.text, cell.quoted)
    except ValueError:
        return cell.text


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
