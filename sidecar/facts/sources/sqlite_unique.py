"""Unique values of SQLite tables, by which REPLACE deletes rows of other keys.

`INSERT OR REPLACE` and `UPDATE OR REPLACE` delete the row that has the same unique values. SQLite
fires no trigger for that deletion (https://sqlite.org/lang_conflict.html), but it fires the BEFORE
triggers of the statement, which can still find the row.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.facts.sources.sql import identifier

_COLUMNS = """
SELECT name, "notnull" OR pk, dflt_value IS NOT NULL, pk, hidden > 1
FROM pragma_table_xinfo(:table, :schema)
"""
_INDEXES = """
SELECT name, origin, partial FROM pragma_index_list(:table, :schema) WHERE "unique"
"""
_INDEX_COLUMNS = """
SELECT name, coll FROM pragma_index_xinfo(:index, :schema) WHERE key
"""
_COLLATIONS = {"BINARY", "NOCASE", "RTRIM"}
_WRITING = {"DELETE", "INSERT", "REPLACE", "UPDATE"}
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--|/\*|[\w$\x80-\U0010ffff]+|\S"""
)


@dataclass(frozen=True, slots=True)
class UniqueValues:
    """What no two rows of a table share, where a row that shares it can have another key."""

    columns: tuple[str, ...]
    condition: str
    """The condition of the row that has the values of `NEW`; empty if it cannot be written."""
    defaults: tuple[str, ...] = ()
    """Columns whose NULL is replaced by their default after the BEFORE triggers, so that the
    condition does not find the row."""


class _Column(NamedTuple):
    """A column of a table."""

    name: str
    not_null: bool
    has_default: bool
    key_part: int
    is_generated: bool


def unique_values(
    connection: sqlite3.Connection, table: str, key: Sequence[str]
) -> list[UniqueValues]:
    """Return the unique values of a table by which REPLACE can delete a row of another key.

    Unique columns that include those of the key delete only rows of the key that is logged, unless
    their collation takes other keys for the same.

    Args:
        connection: The database; it is only read.
        table: The table, perhaps with its schema before a dot.
        key: The columns whose values are logged.
    """
    schema, _, name = table.rpartition(".")
    schema = schema or "main"
    places = {"table": name, "schema": schema}
    columns = [_Column(*row) for row in connection.execute(_COLUMNS, places)]
    indexes = connection.execute(_INDEXES, places).fetchall()
    wanted = {column.lower() for column in key}
    found = []
    number = _row_number(connection, name, columns, [origin for _, origin, _ in indexes])
    if number and {number.lower()} != wanted:
        found.append(UniqueValues((number,), f"{_place(name, number)} = NEW.{identifier(number)}"))
    for index, _, is_partial in indexes:
        parts = connection.execute(_INDEX_COLUMNS, {"index": index, "schema": schema}).fetchall()
        if wanted <= {each.lower() for each, collation in parts if each and collation == "BINARY"}:
            continue
        names = tuple(each or "an expression" for each, _ in parts)
        condition = _condition(name, parts)
        if condition and is_partial:
            predicate = _predicate(connection, schema, name, index)
            condition = predicate and f"{condition} AND ({predicate})"
        used = [each for each in columns if each.name in names]
        if is_partial or any(each.is_generated for each in used):
            used = columns  # the predicate or the expression may read any of them
        if condition and len(used) > 1 and _has_writing_trigger(connection, schema, name):
            condition = ""
        defaults = tuple(each.name for each in used if each.not_null and each.has_default)
        found.append(UniqueValues(names, condition, defaults))
    return found


def _row_number(
    connection: sqlite3.Connection, table: str, columns: Sequence[_Column], origins: Sequence[str]
) -> str:
    """Return the column of the number of each row; an empty text if rows have none."""
    keys = [column.name for column in columns if column.key_part]
    if not columns or (hidden := _hidden_number(connection, table, columns)) is None:
        return ""
    return keys[0] if len(keys) == 1 and "pk" not in origins else hidden


def _hidden_number(
    connection: sqlite3.Connection, table: str, columns: Sequence[_Column]
) -> str | None:
    """Return the name of the number that is no column: empty if it has none, None without one."""
    names = {column.name.lower() for column in columns}
    for name in ("rowid", "oid", "_rowid_"):
        if name not in names:
            with suppress(sqlite3.OperationalError):
                connection.execute(f"SELECT {_place(table, name)} FROM {identifier(table)} LIMIT 0")  # noqa: S608 - the names are quoted
                return name
            return None
    return ""


def _has_writing_trigger(connection: sqlite3.Connection, schema: str, table: str) -> bool:
    """Return whether a BEFORE UPDATE trigger of a user's may change the row that is updated.

    The new values are then those of `NEW` only in the columns that the statement sets.
    """
    catalogue = (
        f"SELECT sql FROM {identifier(schema)}.sqlite_master WHERE type = 'trigger'"  # noqa: S608 - the name is quoted
        " AND tbl_name = ? COLLATE NOCASE AND name NOT LIKE 'sidecar_%'"
    )
    for (text,) in connection.execute(catalogue, (table,)):
        words = [token[0].upper() for token in _TOKEN.finditer(text)]
        # CREATE TRIGGER name [BEFORE|AFTER|INSTEAD OF] event ... BEGIN statements END
        is_before_update = "UPDATE" in words[3:5] and words[3] != "AFTER"
        statements = words[words.index("BEGIN") :]
        if is_before_update and not _WRITING.isdisjoint(statements):
            return True
    return False


def _place(table: str, column: str) -> str:
    return f"{identifier(table)}.{identifier(column)}"


def _condition(table: str, parts: Sequence[tuple[str | None, str]]) -> str:
    """Return the condition of equal columns; empty for an expression or an unknown collation."""
    terms = []
    for column, collation in parts:
        if column is None or collation.upper() not in _COLLATIONS:
            return ""
        terms.append(f"{_place(table, column)} COLLATE {collation} = NEW.{identifier(column)}")
    return " AND ".join(terms)


def _predicate(connection: sqlite3.Connection, schema: str, table: str, index: str) -> str:
    """Return the WHERE clause of a partial index; empty if it cannot be taken over."""
    catalogue = (
        f"SELECT sql FROM {identifier(schema)}.sqlite_master WHERE type = 'index' AND name = ?"  # noqa: S608 - the name is quoted
    )
    (text,) = connection.execute(catalogue, (index,)).fetchone()
    depth, start = 0, None
    for token in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] in {"--", "/*"}:
            return ""
        if start is None and depth == 0 and token[0].upper() == "WHERE":
            start = token.end()
    predicate = text[start:].strip() if start is not None else ""
    try:
        connection.execute(f"SELECT 1 FROM {identifier(table)} WHERE ({predicate}) LIMIT 0")  # noqa: S608 - as the catalogue has it
    except sqlite3.Error:  # such as a function of the writer
        return ""
    return predicate
