"""The change log of SQLite: its tables, and the triggers that write it."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.sql import identifier, literal, table_name
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


def sqlite_ddl(schema: Schema, mapping: SourceMapping) -> str:
    """Return the statements that prepare a database; they can be repeated, but for the tables."""
    parts = [*create_tables(schema, mapping, _TYPES), _LOG]
    for _, name, text in triggers(mapping):
        parts.append(f"DROP TRIGGER IF EXISTS {identifier(name)};\n{text};")
    return "\n".join([*parts, "", _PRUNING])


def triggers(mapping: SourceMapping) -> Iterator[tuple[str, str, str]]:
    """Yield the table, the name and the statement of each trigger of the change log."""
    for type_name, table, columns in logged_tables(mapping):
        for event, records in (
            ("insert", ["NEW"]),
            ("delete", ["OLD"]),
            ("update", ["OLD", "NEW"]),
        ):
            name = trigger_name(type_name, table, event)
            head = f"CREATE TRIGGER {identifier(name)} AFTER {event.upper()} ON {table_name(table)}"
            yield table, name, f"{head}\nBEGIN\n{_insert(type_name, columns, records)}END"


def _insert(type_name: str, columns: tuple[str, ...], records: list[str]) -> str:
    keys = [_key(record, columns) for record in records] if columns else ["NULL"]
    text = ""
    for index, key in enumerate(keys):
        # An update that leaves the key as it is changes one row.
        where = f" WHERE {key} IS NOT {keys[0]}" if index else ""
        text += (
            f"  INSERT INTO sidecar_log (type, key) SELECT {literal(type_name)}, {key}{where};\n"
        )
    return text


def _key(record: str, columns: tuple[str, ...]) -> str:
    return f"json_array({', '.join(f'{record}.{identifier(column)}' for column in columns)})"
