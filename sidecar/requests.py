"""Admits what a caller says: values that the schema declares, and nothing else (R20)."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.errors import InvalidRequestError
from sidecar.schema import Attribute, EntityType, Key, Schema, Value, parse_json

Said = Mapping[str, Value]
"""Admitted values by name; what is missing or outside its domain is left out."""

NOTHING_SAID: Said = {}


def admit_entity(
    schema: Schema, declared: EntityType | None, said: Mapping[str, object], member: str
) -> Said:
    """Admit the properties of a subject or a resource: the attributes that a caller may say.

    Raises:
        InvalidRequestError: A value has the wrong JSON type.
    """
    if not said or declared is None:
        return NOTHING_SAID
    return _admit(
        schema,
        {name: each for name, each in declared.attributes.items() if each.caller},
        said,
        member,
    )


def admit_action(
    schema: Schema, declared: EntityType | None, name: str, said: Mapping[str, object]
) -> Said:
    """Admit the properties of an action.

    Raises:
        InvalidRequestError: A value has the wrong JSON type.
    """
    action = declared.actions.get(name) if said and declared is not None else None
    return (
        _admit(schema, action.properties, said, "action.properties")
        if action is not None
        else NOTHING_SAID
    )


def admit_context(schema: Schema, said: Mapping[str, object]) -> Said:
    """Admit what the caller says of the context; ``now`` is the sidecar's own (R20).

    Raises:
        InvalidRequestError: A value has the wrong JSON type.
    """
    return _admit(schema, schema.context, said, "context") if said else NOTHING_SAID


def key_of_id(declared: EntityType, id_text: str) -> Key | None:
    """Return the key that an id names; None where no entity of the type can have it."""
    columns = len(declared.key)
    if columns == 1:
        return id_text or None
    parts = tuple(id_text.split("/", columns - 1))
    return parts if len(parts) == columns and all(parts) else None


def _admit(
    schema: Schema, declared: Mapping[str, Attribute], said: Mapping[str, object], member: str
) -> Said:
    admitted: dict[str, Value] = {}
    for name, attribute in declared.items():
        if name not in said or name == "now":
            continue
        try:
            value = parse_json(schema, attribute.type, said[name])
        except TypeError as error:
            raise InvalidRequestError(f"{member}.{name}", str(error)) from None
        if value is not None and (not attribute.only or value in attribute.only):
            admitted[name] = value
    return admitted
