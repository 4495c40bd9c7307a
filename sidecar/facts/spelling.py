"""Ids as the mount writes them, and the entities that exist by implication."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.facts.row_parser import Row, reader_of
from sidecar.schema import EntityType, Key, Kind, Schema, id_of

SpellingOf = Callable[[str, Key], str | None]
"""Returns the id that the row of an entity writes, by type and key; None if it has no row."""


def has_several_spellings(schema: Schema, declared: EntityType) -> bool:
    """Return whether ids of a type can be written in other forms than the canonical one."""
    for column in declared.key:
        value_type = declared.attributes[column].type
        if value_type.kind in {Kind.EMAIL, Kind.DOMAIN}:
            return True
        if value_type.kind is Kind.REFERENCE:
            target = schema.types[value_type.target]
            if has_several_spellings(schema, target):
                return True
    return False


def spelled_id(schema: Schema, type_name: str, key: Key, spelling_of: SpellingOf) -> str:
    """Return the id of an entity as the mount writes it; the entity need not have a row.

    Without a row its parts are written as the rows that they name write them.
    """
    spelling = spelling_of(type_name, key)
    if spelling is not None:
        return spelling
    declared = schema.types[type_name]
    parts = zip(declared.key, (key,) if isinstance(key, str) else key, strict=True)
    return "/".join(
        spelled_id(schema, target, part, spelling_of)
        if (target := declared.attributes[column].type.target)
        else part
        for column, part in parts
    )


def implied_key(schema: Schema, declared: EntityType) -> Callable[[Key, Row], Key | None]:
    """Return a function from an entity and its row to the key that they imply; None if none.

    Args:
        schema: The schema.
        declared: A type with `implied`. One column of its key refers to the entity, an attribute
            of which names the other column.
    """
    (reference, step), column = declared.implied  # type: ignore[misc]  # by the caller
    read = reader_of(schema.types[declared.attributes[reference].type.target], step)

    def implied(key: Key, row: Row) -> Key | None:
        value = read(row)
        if not isinstance(value, str):
            return None
        parts = {reference: id_of(key), column: value}
        names = tuple(parts[name] for name in declared.key)
        return names if len(names) > 1 else names[0]

    return implied
