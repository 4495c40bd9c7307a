"""The source of a SQLite database, followed by its change log.

Without a change log the whole database is read anew after each commit.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from select import select

from sidecar.errors import Problem
from sidecar.facts.errors import MountFaults
from sidecar.facts.json_cells import parse_json
from sidecar.facts.row_batches import BATCH, Batch, Cells
from sidecar.facts.row_parser import Table
from sidecar.facts.sources.mapping import SourceMapping, mapping_digest, needs_all_rows
from sidecar.facts.sources.missing import missing_columns
from sidecar.facts.sources.source import (
    Changes,
    HasFileno,
    Look,
    LookState,
    Position,
    Reading,
    TableChanges,
)
from sidecar.facts.sources.sql import column, joined, order_by, rows_from
from sidecar.facts.sources.sqlite_cells import cell_reader, column_reader
from sidecar.facts.sources.sqlite_file import SqliteFile
from sidecar.facts.sources.sqlite_log import (
    has_log,
    incompletely_logged,
    missing_log,
    unlogged_rows,
)
from sidecar.schema import Schema

_NO_LOG = "none"
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Writes arrays as the triggers do."""


class SqliteSource:
    """The rows of a SQLite database.

    The epoch of a position is the identity of the change log, the inode of the file, the version of
    the database's schema and the digest of the mapping; its mark is the last row of the log, with a
    nonce: a file that another one has replaced, and a restored backup, are not taken for what they
    replace.
    """

    def __init__(self, path: Path, schema: Schema, mapping: SourceMapping) -> None:
        """Prepare to read.

        Args:
            path: The file of the database.
            schema: The schema of the rows.
            mapping: The tables of its types.
        """
        self._file = SqliteFile(path)
        self._schema = schema
        self._mapping = mapping
        self._digest = mapping_digest(mapping)
        self._confirmed: tuple[Position, str] | None = None
        """The last position, and the version of the file's content when it was found."""

    @property
    def name(self) -> str:
        """The name of the file."""
        return self._file.name

    def look(self, since: Position | None) -> Look:
        """Compare the version of the content, and the end of the log if it is another one.

        Raises:
            SourceError: The database cannot be read.
        """
        with self._file.errors():
            self._file.connection()
            version = self._file.version()
        if self._confirmed is not None and self._confirmed == (since, version):
            return Look(self._confirmed[0], LookState.UNCHANGED)
        with self._transaction() as (_, position, version):
            if position != since:
                return Look(position, LookState.CHANGED)
        self._confirmed = (position, version)
        return Look(position, LookState.UNCHANGED)

    @contextmanager
    def read(self, faults: MountFaults) -> Iterator[Reading]:  # noqa: ARG002 - the readers of rows add them
        """Read all rows in one transaction.

        Raises:
            SourceError: The database cannot be read, or changed without a lock meanwhile.
        """
        with self._transaction() as (connection, position, _):
            tables = {name: self._table(connection, name) for name in self._mapping}
            yield Reading(position, tables, partial(_contains, connection, position))

    @contextmanager
    def changes(self, since: Position, faults: MountFaults) -> Iterator[Changes | None]:  # noqa: ARG002 - the readers of rows add them
        """Read the rows of the keys that the log has had since a position.

        Raises:
            SourceError: The database cannot be read, or changed without a lock meanwhile.
        """
        with self._transaction() as (connection, position, _):
            with self._file.errors():
                log = self._log(connection, position, since)
            if log is None:
                yield None
            else:
                tables = self._changed_tables(connection, log)
                yield Changes(position, tables, partial(_contains, connection, position))

    def check(self) -> tuple[Problem, ...]:
        """Return what the database lacks, by table and column.

        Raises:
            SourceError: It cannot be opened.
        """
        with self._file.errors():
            connection = self._file.connection()

            def probe(statement: str) -> str:
                try:
                    connection.execute(statement)
                except sqlite3.Error as error:
                    return str(error)
                return ""

            problems = [
                *missing_columns(self._mapping, probe),
                *missing_log(connection, self._mapping),
            ]
        return tuple(problems)

    def remarks(self) -> tuple[Problem, ...]:
        """Return the unique columns because of which all rows are read after each change.

        Raises:
            SourceError: It cannot be opened.
        """
        with self._file.errors():
            return tuple(unlogged_rows(self._file.connection(), self._mapping))

    def wait(self, seconds: float, wakeup: HasFileno) -> None:
        """Wait until the next look is due, or until a wake-up.

        A look reads a counter of the file, so there are two where a server would have one: 99 of
        100 commits are visible within the 100 ms that are promised.
        """
        select([wakeup], [], [], seconds / 2)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, Position, str]]:
        """Begin a transaction, and give its position and the version of the content before it."""
        with self._file.errors():
            connection = self._file.connection()
            version, stamp = self._file.version(), self._file.stamp()
            connection.execute("BEGIN")
            position = self._position(connection, version)
        try:
            yield connection, position, version
            with self._file.errors():
                self._file.require_unchanged(stamp)
        finally:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _position(self, connection: sqlite3.Connection, version: str) -> Position:
        end = None
        if has_log(connection, self._mapping):
            end = connection.execute(
                "SELECT identity, id, nonce, (SELECT schema_version FROM pragma_schema_version)"
                " FROM sidecar_identity, sidecar_log ORDER BY id DESC LIMIT 1"
            ).fetchone()
        if end is None:  # there is no log, or all its rows were deleted
            epoch = f"{_NO_LOG} {self._file.inode}.{self._digest}"
            return Position("sqlite", epoch, version)
        identity, last, nonce, schema_version = end
        epoch = f"{identity} {self._file.inode}.{schema_version}.{self._digest}"
        return Position("sqlite", epoch, f"{last}.{nonce}")

    def _log(
        self, connection: sqlite3.Connection, position: Position, since: Position
    ) -> dict[str, list[str | None]] | None:
        """Return the logged keys by type since a position; None if the log does not have them."""
        if (since.kind, since.epoch) != (position.kind, position.epoch):
            return None
        last = _last_row(connection, since)
        if last is None:
            return None
        log: dict[str, list[str | None]] = {}
        for type_name, key in connection.execute(
            "SELECT DISTINCT type, key FROM sidecar_log WHERE id > ?", (last,)
        ):
            log.setdefault(type_name, []).append(key)
        return log

    def _changed_tables(
        self, connection: sqlite3.Connection, log: dict[str, list[str | None]]
    ) -> dict[str, TableChanges]:
        changes = {}
        with self._file.errors():
            incomplete = incompletely_logged(connection, self._mapping) if log else set()
        for name, keys in log.items():
            if name not in self._mapping:
                continue
            texts = [key for key in keys if key is not None]
            if (
                name in incomplete
                or len(texts) < len(keys)
                or needs_all_rows(self._schema, self._mapping[name])
            ):
                changes[name] = TableChanges(self._table(connection, name), (), whole=True)
                continue
            cells = [self._key_cells(name, text) for text in texts]
            # An expression has no type by which SQLite would compare an integer with its text.
            written = [
                json.dumps([*map(str, each.values())], separators=(",", ":")) for each in cells
            ]
            table = self._table(connection, name, f"[{','.join({*texts, *written})}]")
            changes[name] = TableChanges(table, cells, whole=False)
        return changes

    def _key_cells(self, name: str, text: str) -> Cells:
        declared = self._schema.types[name]
        values = parse_json(text.encode())
        return {
            column: cell_reader(declared.attributes[column])(value)
            for column, value in zip(declared.key, values, strict=True)  # type: ignore[call-overload]  # an array
        }

    def _table(self, connection: sqlite3.Connection, name: str, keys: str = "") -> Table:
        """Return the rows of a type: all of them, or those of a JSON array of keys."""
        declared, source = self._schema.types[name], self._mapping[name]
        where = ""
        if keys:
            columns = ", ".join(column(source.columns[key]) for key in declared.key)
            parts = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(declared.key)))
            where = f"WHERE ({columns}) IN (SELECT {parts} FROM json_each(?))"  # noqa: S608 - the names are quoted
        selected = ", ".join(map(column, source.columns.values()))
        statement = joined(
            f"SELECT {selected}", rows_from(source), where, order_by(declared, source)
        )
        return Table.of(source.name, self._batches(connection, name, statement, keys), keyed=True)

    def _batches(
        self, connection: sqlite3.Connection, name: str, statement: str, keys: str
    ) -> Iterator[Batch]:
        declared, names = self._schema.types[name], list(self._mapping[name].columns)
        readers = [column_reader(declared.attributes[attribute]) for attribute in names]
        with self._file.errors(self._mapping[name].name):
            cursor = connection.execute(statement, (keys,) if keys else ())
            while rows := cursor.fetchmany(BATCH):
                values = zip(*rows, strict=True)
                columns = [read(each) for read, each in zip(readers, values, strict=True)]
                yield Batch([0] * len(rows), dict(zip(names, columns, strict=True)))


def _contains(connection: sqlite3.Connection, position: Position, since: Position) -> bool:
    """Return whether a database with a position holds all that it held at an earlier one."""
    (identity, *_), (earlier, *_) = position.epoch.split(" "), since.epoch.split(" ")
    if since.kind != position.kind:
        return False
    if earlier == _NO_LOG:  # then, as of files, the last one counts
        return True
    return identity == earlier and _last_row(connection, since) is not None


def _last_row(connection: sqlite3.Connection, since: Position) -> int | None:
    """Return the row of the log at which a position is; None if the log does not have it."""
    last, _, nonce = since.mark.partition(".")
    if not nonce:
        return None
    known = connection.execute("SELECT nonce FROM sidecar_log WHERE id = ?", (int(last),))
    return int(last) if known.fetchone() == (int(nonce),) else None
