"""Admits what a caller says: values that the schema declares, and nothing else (R20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from sidecar.errors import InvalidRequestError
from sidecar.schema import (
    Attribute,
    EntityType,
    Key,
    Schema,
    Value,
    is_id,
    key_reader,
    parse_json,
)

Values = Mapping[str, Value]
"""Admitted values by name; what is missing or outside its domain is left out."""

NO_VALUES: Values = {}


class Admitted(Struct, frozen=True, gc=False):
    """What a caller says of one part of a request."""

    values: Values = NO_VALUES
    outside: tuple[str, ...] = ()
    """The members whose values are outside their domain, such as ``context.network``: they are
    absent, take no default, and nothing is granted for their request."""
    refused: frozenset[str] = frozenset()
    """Their names."""

    def over(self, defaults: Values) -> Values:
        """Return the values, and the defaults of what is not said."""
        if not self.outside:
            return {**defaults, **self.values} if self.values else defaults
        kept = {name: value for name, value in defaults.items() if name not in self.refused}
        return {**kept, **self.values}


NOTHING_ADMITTED = Admitted()


def sendable_attributes(declared: EntityType) -> Mapping[str, Attribute]:
    """Return the attributes of a subject or a resource that a caller may send."""
    return {name: attribute for name, attribute in declared.attributes.items() if attribute.caller}


def sendable_context(schema: Schema) -> Mapping[str, Attribute]:
    """Return the context that a caller may send: ``now`` is the sidecar's own (R20)."""
    return {name: attribute for name, attribute in schema.context.items() if name != "now"}


def admit_properties(
    schema: Schema, declared: Mapping[str, Attribute], sent: Mapping[str, object], member: str
) -> Admitted:
    """Admit properties, or a context: what is declared, in its canonical form.

    Args:
        schema: The schema.
        declared: What may be sent.
        sent: What the caller sent; JSON `null` counts as not sent.
        member: The path of the properties in the request, such as ``subject.properties``.

    Raises:
        InvalidRequestError: A value has the wrong JSON type.
    """
    if not sent:
        return NOTHING_ADMITTED
    admitted: dict[str, Value] = {}
    refused: list[str] = []
    for name, attribute in declared.items():
        sent_value = sent.get(name)
        if sent_value is None:
            continue
        try:
            value = admit(schema, attribute, sent_value)
        except TypeError as error:
            raise InvalidRequestError(f"{member}.{name}", str(error)) from None
        if value is None:
            refused.append(name)
        else:
            admitted[name] = value
    if not refused:
        return Admitted(admitted) if admitted else NOTHING_ADMITTED
    outside = tuple(f"{member}.{name}" for name in refused)
    return Admitted(admitted, outside, frozenset(refused))


def admit(schema: Schema, attribute: Attribute, value: object) -> Value:
    """Return a value that a caller sent, or None if it is outside the domain of its attribute.

    Raises:
        TypeError: It has the wrong JSON type.
    """
    admitted = parse_json(schema, attribute.type, value)
    return admitted if not attribute.only or admitted in attribute.only else None


def defaults_of(declared: Mapping[str, Attribute]) -> Values:
    """Return the defaults among attributes, by name."""
    return {name: each.default for name, each in declared.items() if each.default is not None}


def id_reader(schema: Schema, declared: EntityType) -> Callable[[str], Key | None]:
    """Return how the ids of requests are read: into the key, or None where none can have it.

    An id that is one string is kept as it was sent, so that rules can read it; whether such an
    entity exists is another question.
    """
    if declared.keeps_any_id:
        return lambda id_text: id_text or None
    return key_reader(schema, declared)


def key_of_id(schema: Schema, declared: EntityType, id_text: str) -> Key | None:
    """Return the key that an id of a request names; None where no entity can have it."""
    return id_reader(schema, declared)(id_text)


def can_be_created(declared: EntityType, key: Key | None) -> bool:
    """Tell whether an entity of a type can have a key; one string is kept as it was sent."""
    if declared.keeps_any_id:
        return isinstance(key, str) and is_id(key)
    return key is not None
