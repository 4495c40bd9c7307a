"""Unique columns of SQLite tables other than the key.

`INSERT OR REPLACE` and `UPDATE OR REPLACE` delete the row that has the same unique values. SQLite
fires no trigger for that deletion (https://sqlite.org/lang_conflict.html), so a row with another
key is deleted without an entry in the change log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sidecar.errors import Problem
from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.tables_ddl import logged_tables
from sidecar.schema.messages import shown

_UNIQUE = """
SELECT i.name, CASE c.coll WHEN 'BINARY' THEN c.name END
FROM pragma_index_list(:table, :schema) AS i, pragma_index_xinfo(i.name, :schema) AS c
WHERE i."unique" AND c.key
UNION ALL
SELECT '', name FROM pragma_table_info(:table, :schema) WHERE pk
"""


def unlogged_deletions(connection: sqlite3.Connection, mapping: SourceMapping) -> Iterator[Problem]:
    """Yield a problem for each table in which REPLACE can delete a row of another key.

    Unique columns that include those of the key delete only rows of the key that is logged, unless
    their collation takes other keys for the same.
    """
    for _, table, key in logged_tables(mapping):
        if not key:  # any change of the table is a change of all rows
            continue
        schema, _, name = table.rpartition(".")
        indexes: dict[str, set[str | None]] = {}
        arguments = {"table": name, "schema": schema or "main"}
        for index, column in connection.execute(_UNIQUE, arguments):
            # The column of an expression has no name, nor has one of another collation here.
            indexes.setdefault(index, set()).add(column.lower() if column else None)
        others = [c for c in indexes.values() if not c.issuperset(map(str.lower, key))]
        if others:
            columns = " and of ".join(sorted(shown(_written(other)) for other in others))
            yield Problem(
                table,
                0,
                f"is unique in values of {columns}, which are not its key: REPLACE deletes rows"
                " without a trigger, so all rows are read after each commit; where that takes long,"
                " keep them unique in another table, or make them the key",
            )


def _written(columns: set[str | None]) -> str:
    return ", ".join(sorted(column or "an expression or collation" for column in columns))
