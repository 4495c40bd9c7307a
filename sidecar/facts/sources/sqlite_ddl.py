"""The change log of SQLite: its tables, and the triggers that write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.sql import identifier, literal, table_name
from sidecar.facts.sources.sqlite_unique import unique_values
from sidecar.facts.sources.tables_ddl import create_tables, logged_tables, trigger_name
from sidecar.schema import Kind, Schema

_TYPES = {
    Kind.STRING: "TEXT",
    Kind.BOOLEAN: "INTEGER",
    Kind.INTEGER: "INTEGER",
    Kind.DECIMAL: "TEXT",
    Kind.INSTANT: "TEXT",
    Kind.EMAIL: "TEXT",
    Kind.DOMAIN: "TEXT",
    Kind.ENUM: "TEXT",
    Kind.REFERENCE: "TEXT",
    Kind.SET: "TEXT",
}

_LOG = """\
-- The change log. Its identity says whether two positions are of one history: after a backup has
-- been restored, write a new one:
-- UPDATE sidecar_identity SET identity = lower(hex(randomblob(16)));
CREATE TABLE IF NOT EXISTS sidecar_identity (identity TEXT NOT NULL);
INSERT INTO sidecar_identity
  SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM sidecar_identity);
CREATE TABLE IF NOT EXISTS sidecar_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  type TEXT NOT NULL,
  key TEXT,  -- a JSON array of the key columns; NULL if any row may have changed
  nonce INTEGER NOT NULL DEFAULT (random())
);
INSERT INTO sidecar_log (type) SELECT '' WHERE NOT EXISTS (SELECT 1 FROM sidecar_log);

-- The token of a writer, for `min_revision`: read it in the transaction that changes facts.
DROP VIEW IF EXISTS sidecar_position;
CREATE VIEW sidecar_position AS
  SELECT 'sqlite:' || identity || ':' || (SELECT max(id) FROM sidecar_log) AS token
  FROM sidecar_identity;
"""

_PRUNING = """\
-- From time to time: keep the last million changes. A sidecar that was away for longer reads anew.
-- DELETE FROM sidecar_log WHERE id < (SELECT max(id) - 1000000 FROM sidecar_log);
"""


class Trigger(NamedTuple):
    """A trigger of the change log."""

    type: str
    table: str
    name: str
    text: str
    """Its statement; empty if the table needs none of this name."""


def sqlite_ddl(
    schema: Schema, mapping: SourceMapping, connection: sqlite3.Connection | None = None
) -> str:
    """Return the statements that prepare a database; they can be repeated.

    Args:
        schema: The schema of the rows.
        mapping: The tables of its types.
        connection: The database, which is only read. Without it, the statements are for a new one,
            and the unique values of tables that the mapping names are not known.
    """
    default = {source.table for source in mapping.values() if source.is_default}
    existing = {table for table in default if connection and _exists(connection, table)}
    parts = [*create_tables(schema, mapping, _TYPES, existing), _LOG]
    wanted = list(triggers(mapping))
    with closing(sqlite3.connect(":memory:")) as new:
        new.executescript("\n".join(create_tables(schema, mapping, _TYPES)))
        for type_name, table, columns in logged_tables(mapping):
            known = new if connection is None or table in default - existing else connection
            wanted += replace_triggers(type_name, table, columns, known)
    for _, _, name, text in wanted:
        parts.append(f"DROP TRIGGER IF EXISTS {identifier(name)};")
        if text:
            parts.append(f"{text};")
    return "\n".join([*parts, "", _PRUNING])


def triggers(mapping: SourceMapping) -> Iterator[Trigger]:
    """Yield the triggers that log the rows that statements name."""
    for type_name, table, columns in logged_tables(mapping):
        for event, records in (
            ("insert", ["NEW"]),
            ("delete", ["OLD"]),
            ("update", ["OLD", "NEW"]),
        ):
            keys = [_key(f"{record}.", columns) for record in records]
            # An update that leaves the key as it is changes one row.
            inserts = [
                _insert(type_name, key, f"WHERE {key} IS NOT {keys[0]}" if index else "")
                for index, key in enumerate(keys if columns else ["NULL"])
            ]
            yield _trigger(type_name, table, event, f"AFTER {event.upper()}", inserts)


def replace_triggers(
    type_name: str, table: str, columns: tuple[str, ...], connection: sqlite3.Connection
) -> Iterator[Trigger]:
    """Yield the triggers of a table that log the rows that REPLACE deletes because of new ones.

    Args:
        type_name: The type.
        table: The table whose changes are logged for it.
        columns: Its columns of the key; without them, any change is a change of all rows.
        connection: The database that has the table; it is only read.
    """
    found = unique_values(connection, table, columns) if columns else []
    rows = identifier(table.rpartition(".")[2])
    key = _key(f"{rows}.", columns)
    for event in ("insert", "update"):
        old = f" AND {key} IS NOT {_key('OLD.', columns)}" if event == "update" else ""
        inserts = [
            _insert(type_name, key, f"FROM {rows} WHERE {each.condition}{old}")
            for each in found
            if each.condition
        ]
        nulls = {f"NEW.{identifier(name)} IS NULL" for each in found for name in each.defaults}
        if nulls:
            inserts.append(_insert(type_name, "NULL", f"WHERE {' OR '.join(sorted(nulls))}"))
        yield _trigger(type_name, table, f"before_{event}", f"BEFORE {event.upper()}", inserts)


def _trigger(type_name: str, table: str, event: str, moment: str, inserts: list[str]) -> Trigger:
    name = trigger_name(type_name, table, event)
    text = f"CREATE TRIGGER {identifier(name)} {moment} ON {table_name(table)}\nBEGIN\n"
    return Trigger(type_name, table, name, f"{text}{''.join(inserts)}END" if inserts else "")


def _insert(type_name: str, key: str, rows: str) -> str:
    selected = f"SELECT {literal(type_name)}, {key} {rows}".rstrip()
    return f"  INSERT INTO sidecar_log (type, key) {selected};\n"


def _key(prefix: str, columns: tuple[str, ...]) -> str:
    return f"json_array({', '.join(prefix + identifier(column) for column in columns)})"


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    found = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
    return connection.execute(found, (table,)).fetchone() is not None
