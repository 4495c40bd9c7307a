"""A question as the options of a command say it."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.cli.options import values
from sidecar.model import Reference, Request
from sidecar.schema import Attribute, Schema

SAID = ("property", "context", "subject_property", "resource_property")

Pairs = tuple[tuple[str, str], ...]


def request_of(
    schema: Schema, names: tuple[Reference, str, Reference], said: Mapping[str, Pairs]
) -> Request:
    """Return the question of a subject, an action and a resource, with all that was said.

    An empty action stands for all of them, and takes the properties of each.

    Raises:
        UsageError: A text cannot be of its declared type.
    """
    subject, action, resource = names
    return Request(
        subject=subject,
        action=action,
        resource=resource,
        subject_properties=_values(said, "subject_property", _sayable(schema, subject.type)),
        action_properties=_values(said, "property", _declared(schema, resource.type, action)),
        resource_properties=_values(said, "resource_property", _sayable(schema, resource.type)),
        context=_values(said, "context", schema.context),
    )


def _sayable(schema: Schema, type_name: str) -> Mapping[str, Attribute]:
    declared = schema.types.get(type_name)
    attributes = declared.attributes if declared else {}
    return {name: attribute for name, attribute in attributes.items() if attribute.caller}


def _declared(schema: Schema, type_name: str, action: str) -> Mapping[str, Attribute]:
    declared = schema.types.get(type_name)
    actions = declared.actions if declared else {}
    if not action:
        return {name: each for one in actions.values() for name, each in one.properties.items()}
    return actions[action].properties if action in actions else {}


def _values(
    said: Mapping[str, Pairs], option: str, declared: Mapping[str, Attribute]
) -> dict[str, object]:
    return values(said.get(option, ()), declared, option)
