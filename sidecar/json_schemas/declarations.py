"""The shape of ``schema.yaml``."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.json_schemas.shapes import (
    ANY,
    FLAG,
    SCALAR,
    TEXT,
    Shape,
    closed,
    either,
    list_of,
    map_of,
    one_of,
    one_or_list,
    one_pair,
    suggested,
)
from sidecar.schema import Schema
from sidecar.schema.attribute_loader import DEEPEST, OF_CALLER, OF_ENTITY, OF_SETTING
from sidecar.schema.loader import SCHEMA_MEMBERS
from sidecar.schema.local_loader import LOCAL_MEMBERS
from sidecar.schema.local_time import PARTS
from sidecar.schema.lookup_loader import LOOKUP_MEMBERS
from sidecar.schema.model import COMPOUND, Kind
from sidecar.schema.type_loader import ACTION_MEMBERS, TYPE_MEMBERS

_CONSTANT = either(SCALAR, {"type": "array", "items": SCALAR})
_SEVERAL: Shape = {
    "type": "string",
    "pattern": r"^(?:first|refuse|any|(?:latest|earliest)\s+\S.*)$",
}


def schema_shape(schema: Schema) -> Shape:
    """Return the shape of the schema of a pack; editors suggest the types that it has."""
    type_names = _type_names(schema)
    attribute = _attribute(OF_ENTITY, type_names)
    of_caller = _attribute(OF_CALLER, type_names)
    local = closed(
        LOCAL_MEMBERS,
        {
            "part": one_of(PARTS),
            "of": TEXT,
            "zone": TEXT,
            "description": TEXT,
            "polar": TEXT,
        },
        required=("part", "of", "zone"),
    )
    action = closed(
        ACTION_MEMBERS,
        {
            "properties": map_of(of_caller),
            "creates": FLAG,
            "nobody": FLAG,
            "description": TEXT,
        },
    )
    declared = closed(
        TYPE_MEMBERS,
        {
            "description": TEXT,
            "subject": FLAG,
            "table": TEXT,
            "key": one_or_list(TEXT),
            "current": map_of(ANY),
            "implied": one_pair(TEXT),
            "attributes": map_of(either(attribute, local)),
            "lookups": map_of(_lookup(schema, type_names)),
            "actions": either(list_of(TEXT), map_of(action)),
            "polar": {"type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$"},
        },
        required=("key", "attributes"),
    )
    marks = map_of(FLAG) | {"properties": {"label": TEXT, "description": TEXT}}
    return closed(
        SCHEMA_MEMBERS,
        {
            "enums": map_of(either(list_of(TEXT, minItems=1), map_of(marks))),
            "types": map_of(declared, minProperties=1) | {"type": "object"},
            "context": map_of(either(of_caller, local)),
            "settings": map_of(_attribute(OF_SETTING, type_names)),
        },
        required=("types",),
    )


def _type_names(schema: Schema) -> list[str]:
    simple = [kind.value for kind in Kind if kind not in COMPOUND]
    names = [*simple, *schema.enums, *schema.types]
    return [*names, *(f"set of {name}" for name in names)]


def _attribute(members: Iterable[str], type_names: Iterable[str]) -> Shape:
    """Return an attribute: the name of its type, or a map."""
    value_type = suggested(type_names)
    shapes: dict[str, Shape] = {
        "type": value_type,
        "optional": FLAG,
        "only": list_of(TEXT, minItems=1),
        "default": _CONSTANT,
        "unit": TEXT,
        "description": TEXT,
        "polar": TEXT,
        "sensitive": FLAG,
        "caller": FLAG,
        "may_dangle": FLAG,
        "depth": {"type": "integer", "minimum": 1, "maximum": DEEPEST},
    }
    known = tuple(members)
    declared = closed(known, {name: shapes[name] for name in known}, required=("type",))
    return either(value_type, declared)


def _lookup(schema: Schema, type_names: Iterable[str]) -> Shape:
    return closed(
        LOOKUP_MEMBERS,
        {
            "finds": suggested(name for name, each in schema.types.items() if each.table),
            "through": one_pair(TEXT),
            "arguments": map_of(suggested(type_names)),
            "match": map_of(TEXT),
            "where": map_of(_CONSTANT),
            "several": _SEVERAL,
        },
        required=("finds", "match"),
    )
