"""CREATE TABLE statements for the types of a schema, for those who have no tables yet."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from sidecar.facts.sources.mapping import SourceMapping
from sidecar.facts.sources.sql import identifier, listed, literal, table_name
from sidecar.schema import Attribute, Kind, Schema, Value


def create_tables(
    schema: Schema,
    mapping: SourceMapping,
    column_types: Mapping[Kind, str],
    existing: Container[str] = (),
) -> Iterator[str]:
    """Yield the statements that create the table of each type that the mapping leaves as it is.

    Args:
        schema: The schema of the rows.
        mapping: The mapping: types that it maps to other tables have theirs.
        column_types: The SQL type of the columns of each kind.
        existing: The tables that are left out, since they exist.
    """
    for name, source in mapping.items():
        if not source.is_default or source.table in existing:
            continue
        declared = schema.types[name]
        lines = [_column(attribute, column_types) for attribute in declared.attributes.values()]
        if not declared.current:
            lines.append(f"PRIMARY KEY ({listed(declared.key)})")
        table = table_name(declared.table)
        yield f"CREATE TABLE {table} (\n  {(',' + chr(10) + '  ').join(lines)}\n);"
        if declared.current:
            index = identifier(f"{declared.table}_key")
            yield f"CREATE INDEX {index} ON {table} ({listed(declared.key)});"
            index = identifier(f"{declared.table}_current")
            where = " AND ".join(
                f"{identifier(column)} = {_constant(value)}"
                for column, value in declared.current.items()
            )
            keys = listed(declared.key)
            yield f"CREATE UNIQUE INDEX {index} ON {table} ({keys})\n  WHERE {where};"


def _column(attribute: Attribute, column_types: Mapping[Kind, str]) -> str:
    parts = [identifier(attribute.name), column_types[attribute.type.kind]]
    if not attribute.optional and attribute.default is None:
        parts.append("NOT NULL")
    values = attribute.only or attribute.type.values
    if values:
        texts = ", ".join(map(literal, values))
        parts.append(f"CHECK ({identifier(attribute.name)} IN ({texts}))")
    return " ".join(parts)


def _constant(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int) else literal(str(value))


def logged_tables(mapping: SourceMapping) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each type with a table whose changes are logged, and the columns of the key there."""
    for name, source in mapping.items():
        for table, columns in source.follow.items():
            yield name, table, columns


def trigger_name(type_name: str, table: str, event: str) -> str:
    """Return the name of the trigger that logs an event of a table for a type."""
    return f"sidecar_{type_name}_{table.rpartition('.')[2]}_{event}"
