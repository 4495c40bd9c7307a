"""Which ids and values must not be shown in logs and faults: what the schema marks as sensitive."""

from __future__ import annotations

from sidecar.schema.model import Attribute, EntityType, Schema


def names_secret(schema: Schema, declared: EntityType) -> bool:
    """Tell whether the ids of a type hold something sensitive: its key, or a key that it names."""
    return any(is_secret(schema, declared.attributes[column]) for column in declared.key)


def is_secret(schema: Schema, attribute: Attribute) -> bool:
    """Tell whether the values of an attribute are sensitive, or the ids that it refers to."""
    target = attribute.type.single.target
    return attribute.sensitive or (bool(target) and names_secret(schema, schema.types[target]))
