"""A SQLite database with the facts of a directory, for tests of the server."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from sidecar.facts import Cell, MountFaults, capture, read_tables
from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.schema import read_schema


def make_database(path: Path, fixtures: Path, data: Path) -> None:
    """Make a database with the change log, and the rows of a directory."""
    schema = read_schema(fixtures / "schema.yaml")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(sqlite_ddl(schema, default_mapping(schema)))
        for name, table in read_tables(schema, capture(data), MountFaults()).items():
            for _, cells in table.rows:
                columns, marks = ", ".join(cells), ", ".join("?" * len(cells))
                statement = f"INSERT INTO {schema.types[name].table} ({columns}) VALUES ({marks})"  # noqa: S608  our own names
                connection.execute(statement, [_stored(cell) for cell in cells.values()])


def _stored(cell: Cell) -> str | int | None:
    if isinstance(cell, list):
        return json.dumps([str(member) for member in cell])
    return {"true": 1, "false": 0, "null": None}.get(cell, str(cell))


def execute(path: Path, *statements: str) -> str:
    """Run statements in one transaction; return the token of the writer."""
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
        ((token,),) = connection.execute("SELECT token FROM sidecar_position")
        return str(token)
