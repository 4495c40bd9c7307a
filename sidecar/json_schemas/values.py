"""The shapes of values: cells of rows, and settings."""

from __future__ import annotations

from typing import assert_never

from sidecar.json_schemas.shapes import FLAG, Shape, one_of
from sidecar.schema import Attribute, EntityType, Kind, Schema, ValueType
from sidecar.schema.instants import INSTANT
from sidecar.schema.values import DECIMAL, LARGEST, SMALLEST

_TEXT: Shape = {"type": "string", "minLength": 1}


def value(schema: Schema, attribute: Attribute) -> Shape:
    """Return the shape of a value of an attribute, with its description for the editor."""
    shape = one_of(attribute.only) if attribute.only else _of_type(schema, attribute.type)
    notes = [attribute.description, attribute.unit and f"In {attribute.unit}."]
    text = " ".join(note for note in notes if note)
    return {**shape, "description": text} if text else shape


def cell(schema: Schema, attribute: Attribute) -> Shape:
    """Return the shape of a cell of a row; one that is null lacks the value."""
    shape = value(schema, attribute)
    return {"anyOf": [shape, {"type": "null"}]} if attribute.optional else shape


def row(schema: Schema, declared: EntityType, *, is_whole: bool = True) -> Shape:
    """Return the shape of a row.

    Args:
        schema: The schema of the pack.
        declared: The type of the row.
        is_whole: Whether it has all columns; otherwise those that a case changes.
    """
    required = [name for name, each in declared.attributes.items() if not each.optional]
    return {
        "type": "object",
        "properties": {name: cell(schema, each) for name, each in declared.attributes.items()},
        "additionalProperties": False,
        **({"required": required} if is_whole else {}),
        **({"description": declared.description} if declared.description else {}),
    }


def _of_type(schema: Schema, value_type: ValueType) -> Shape:
    kind = value_type.kind
    match kind:
        case Kind.STRING | Kind.EMAIL | Kind.DOMAIN:
            return _TEXT
        case Kind.BOOLEAN:
            return FLAG
        case Kind.INTEGER:
            return {"type": "integer", "minimum": SMALLEST, "maximum": LARGEST}
        case Kind.DECIMAL:
            return {"type": ["number", "string"], "pattern": f"^(?:{DECIMAL.pattern})$"}
        case Kind.INSTANT:
            return {"type": "string", "pattern": f"^(?:{INSTANT.pattern})$"}
        case Kind.ENUM:
            return one_of(value_type.values)
        case Kind.REFERENCE:
            parts = len(schema.types[value_type.target].key)
            return {**_TEXT, "pattern": f"^{'[^/]+/' * (parts - 1)}."} if parts > 1 else _TEXT
        case Kind.SET:
            element = value_type.element
            return {"type": "array", "items": {} if element is None else _of_type(schema, element)}
    assert_never(kind)
