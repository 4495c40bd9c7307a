"""What a caller can send along, and its JSON value where a person has written it as text."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.schema.messages import shown
from sidecar.schema.model import Attribute, Kind, Schema

_BOOLEANS = {"true": True, "false": False}


def caller_attributes(schema: Schema, type_name: str) -> Mapping[str, Attribute]:
    """Return the attributes of a type that a caller may send; none of an undeclared type."""
    declared = schema.types.get(type_name)
    attributes = declared.attributes if declared else {}
    return {name: attribute for name, attribute in attributes.items() if attribute.caller}


def action_properties(schema: Schema, type_name: str, name: str) -> Mapping[str, Attribute]:
    """Return the properties of an action; with an empty name those of all actions of the type."""
    declared = schema.types.get(type_name)
    actions = declared.actions if declared else {}
    if not name:
        return {
            name: attribute
            for action in actions.values()
            for name, attribute in action.properties.items()
        }
    return actions[name].properties if name in actions else {}


def json_value(text: str, declared: Attribute) -> object:
    """Return the JSON value of a text: the members of a set are divided by commas.

    Raises:
        ValueError: It is not of the declared type, as far as JSON tells types apart.
    """
    kind = declared.type.kind
    if kind is Kind.BOOLEAN:
        if text not in _BOOLEANS:
            raise ValueError(f"must be true or false, not {shown(text)}")
        return _BOOLEANS[text]
    if kind is Kind.INTEGER:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"must be a whole number, not {shown(text)}") from None
    return text.split(",") if kind is Kind.SET else text
