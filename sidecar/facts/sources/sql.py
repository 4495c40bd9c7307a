"""SQL that SQLite and PostgreSQL have in common: names, and the SELECT of a type's rows."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.facts.sources.mapping import TypeSource
from sidecar.schema import EntityType


def identifier(name: str) -> str:
    """Return a name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def table_name(name: str) -> str:
    """Return the name of a table in quotes, perhaps with that of its schema before a dot."""
    return ".".join(map(identifier, name.split(".", 1)))


def literal(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def column(name: str) -> str:
    """Return a column of `rows_from`.

    It is qualified: SQLite reads the name of a missing column in quotes alone as a text.
    """
    return f"source.{identifier(name)}"


def rows_from(source: TypeSource) -> str:
    """Return the FROM clause of the rows of a type."""
    return f"FROM {f'({source.select})' if source.select else table_name(source.table)} AS source"


def order_by(declared: EntityType, source: TypeSource) -> str:
    """Return the ORDER BY clause of a type with several rows for one key; else an empty text.

    If none of the rows is current, the id names the last one, so their order must be certain.
    """
    if not declared.current:
        return ""
    keys = [source.columns[name] for name in declared.key]
    rest = source.order or [name for name in source.columns.values() if name not in keys]
    return f"ORDER BY {', '.join(map(column, [*keys, *rest]))}"


def joined(*parts: str) -> str:
    """Return the parts of a statement that are not empty."""
    return " ".join(filter(None, parts))


def listed(names: Iterable[str]) -> str:
    """Return a list of quoted names."""
    return ", ".join(map(identifier, names))
