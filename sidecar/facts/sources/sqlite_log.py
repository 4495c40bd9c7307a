"""What the change log of a SQLite database lacks."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

from sidecar.errors import Problem
from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.missing import missing_trigger
from sidecar.facts.sources.sqlite_ddl import Trigger, replace_triggers, triggers
from sidecar.facts.sources.sqlite_unique import UniqueValues, unique_values
from sidecar.facts.sources.tables_ddl import logged_tables
from sidecar.schema.messages import shown

_SPACE = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
_IGNORE = re.compile(rf"\braise{_SPACE}\({_SPACE}ignore\b", re.IGNORECASE | re.DOTALL)
_NAME = r"""(?:\w+|"(?:[^"]|"")*"|\[[^]]*\]|`(?:[^`]|``)*`)"""
_BEFORE = re.compile(rf"create\s+trigger\s+{_NAME}\s+before\b", re.IGNORECASE)
"""As SQLite keeps a statement. With comments there it is taken for another trigger."""


def has_log(connection: sqlite3.Connection, mapping: SourceMapping) -> bool:
    """Return whether all changes of the mapped tables are logged, but for what REPLACE deletes."""
    found = _statements(connection)
    return (
        _has_tables(found)
        and all(_has(found, each) for each in triggers(mapping))
        and not _silencing_triggers(connection, mapping)
    )


def incompletely_logged(connection: sqlite3.Connection, mapping: SourceMapping) -> set[str]:
    """Return the types of which REPLACE deletes rows that are not logged.

    The rows that take their place are logged, so that the log has an entry of the type.
    """
    missing = _missing_replace_triggers(connection, mapping)
    unlogged = _unlogged(connection, mapping)
    return {each.type for each in missing}.union(name for name, _, _ in unlogged)


def missing_log(connection: sqlite3.Connection, mapping: SourceMapping) -> Iterator[Problem]:
    """Yield a problem for each table and trigger of the log that is missing."""
    found = _statements(connection)
    if not _has_tables(found):
        message = "is no table; run what `sidecar source init sqlite:PATH` prints"
        yield Problem("sidecar_log", 0, message)
    for each in triggers(mapping):
        if not _has(found, each):
            yield missing_trigger(each.table, each.name)
    for table, name in _silencing_triggers(connection, mapping):
        message = (
            f"has the trigger {shown(name)} with `RAISE(IGNORE)`, after which SQLite runs no other"
            " trigger, so that changes are not logged, and all rows are read after each commit;"
            " write it as a BEFORE trigger, or without `RAISE(IGNORE)`"
        )
        yield Problem(table, 0, message)
    for each in _missing_replace_triggers(connection, mapping):
        message = (
            f"has no trigger {shown(each.name)} as `sidecar source init sqlite:PATH` prints it, so"
            " that what REPLACE deletes is not logged, and all rows are read after each change;"
            " run what it prints"
        )
        yield Problem(each.table, 0, message)


def unlogged_rows(connection: sqlite3.Connection, mapping: SourceMapping) -> Iterator[Problem]:
    """Yield a problem for each table from which REPLACE deletes rows that no trigger can log."""
    found: dict[str, set[str]] = {}
    for _, table, unique in _unlogged(connection, mapping):
        found.setdefault(table, set()).add(shown(", ".join(unique.columns)))
    for table, columns in found.items():
        message = (
            f"has unique values of {' and of '.join(sorted(columns))}, by an expression, a"
            " collation or a condition that a trigger cannot repeat, or with a BEFORE UPDATE"
            " trigger that writes: what REPLACE deletes is not logged, so all rows are read after"
            " each change; where that takes long, keep them in a unique column of their own"
        )
        yield Problem(table, 0, message)


def _unlogged(
    connection: sqlite3.Connection, mapping: SourceMapping
) -> Iterator[tuple[str, str, UniqueValues]]:
    for type_name, table, columns in logged_tables(mapping):
        if columns:  # otherwise any change of the table is a change of all rows
            for each in unique_values(connection, table, columns):
                if not each.condition:
                    yield type_name, table, each


def _missing_replace_triggers(
    connection: sqlite3.Connection, mapping: SourceMapping
) -> Iterator[Trigger]:
    found = _statements(connection)
    for followed in logged_tables(mapping):
        for each in replace_triggers(*followed, connection):
            if each.text and not _has(found, each):
                yield each


def _silencing_triggers(
    connection: sqlite3.Connection, mapping: SourceMapping
) -> list[tuple[str, str]]:
    """Return table and name of the triggers after which those of the log may not run.

    A BEFORE trigger that says `RAISE(IGNORE)` prevents the change too.
    """
    logged = {table.lower(): table for _, table, _ in logged_tables(mapping)}
    return [
        (logged[table.lower()], name)
        for name, table, text in connection.execute(
            "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
        )
        if table.lower() in logged and _IGNORE.search(text) and not _BEFORE.match(text)
    ]


def _statements(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the statements of the tables and triggers of the change log, by name."""
    return dict(
        connection.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'sidecar_%'")
    )


def _has_tables(found: dict[str, str]) -> bool:
    return {"sidecar_log", "sidecar_identity"}.issubset(found)


def _has(found: dict[str, str], trigger: Trigger) -> bool:
    text = found.get(trigger.name)
    return text is not None and text.split() == trigger.text.split()
