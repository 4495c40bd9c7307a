"""The words of the pack, for forms and documentation: what can be asked, and what is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from sidecar.engine.policy import Policy
from sidecar.http.flask_views import answer
from sidecar.http.service import Desk
from sidecar.model import Obligation, Reason, Revisions
from sidecar.schema import Action, Attribute, EntityType, EnumValue


class Property(Struct, frozen=True):
    """What a caller may say of a subject, a resource, an action, or the context."""

    name: str
    type: Annotated[str, Meta(description="As the schema writes it: decimal, role, account.")]
    values: Annotated[
        tuple[str, ...], Meta(description="Of an enum those that may stand here, else none.")
    ]
    unit: str
    description: str


class Doing(Struct, frozen=True):
    """An action."""

    name: str
    description: str
    creates: Annotated[bool, Meta(description="Whether it makes the resource.")]
    properties: tuple[Property, ...]


class Noun(Struct, frozen=True):
    """A type of subject or resource, with the properties that a caller may say."""

    name: str
    description: str
    subject: Annotated[bool, Meta(description="Whether it can be a subject.")]
    properties: tuple[Property, ...]
    actions: tuple[Doing, ...]


class Word(Struct, frozen=True):
    """A value of an enum, with what people are told about it."""

    name: str
    label: str
    description: str
    marks: Annotated[dict[str, bool], Meta(description="Every mark that values of this enum have.")]


class Enumeration(Struct, frozen=True):
    """An enum, its values in the order of the schema."""

    name: str
    values: tuple[Word, ...]


class Catalog(Struct, frozen=True):
    """All that the pack declares."""

    types: tuple[Noun, ...]
    enums: tuple[Enumeration, ...]
    context: tuple[Property, ...]
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions


def blueprint(desk: Desk) -> Blueprint:
    """Return the view of the catalog."""
    views = Blueprint("catalog", __name__)

    @views.get("/v1/catalog")
    def catalog() -> Response:
        """Answer all words of the pack; nothing in it comes from the mount."""
        pair = desk.current()
        return answer(_catalog(pair.policy, pair.revisions()))

    return views


def _catalog(policy: Policy, revisions: Revisions) -> Catalog:
    schema, sentences = policy.schema, policy.sentences
    return Catalog(
        types=tuple(map(_noun, schema.types.values())),
        enums=tuple(Enumeration(*each) for each in _words(schema.enums)),
        # Nobody can say what the time is.
        context=_properties(each for each in schema.context.values() if each.name != "now"),
        reasons=tuple(Reason(*each) for each in sentences.reasons.items()),
        obligations=tuple(Obligation(*each) for each in sentences.obligations.items()),
        revisions=revisions,
    )


def _noun(declared: EntityType) -> Noun:
    return Noun(
        name=declared.name,
        description=declared.description,
        subject=declared.subject,
        properties=_properties(each for each in declared.attributes.values() if each.caller),
        actions=tuple(map(_doing, declared.actions.values())),
    )


def _doing(declared: Action) -> Doing:
    return Doing(
        name=declared.name,
        description=declared.description,
        creates=declared.creates,
        properties=_properties(declared.properties.values()),
    )


def _properties(declared: Iterable[Attribute]) -> tuple[Property, ...]:
    return tuple(
        Property(
            name=each.name,
            type=each.type.name,
            values=each.only or each.type.values,
            unit=each.unit,
            description=each.description,
        )
        for each in declared
    )


def _words(
    enums: Mapping[str, tuple[EnumValue, ...]],
) -> Iterable[tuple[str, tuple[Word, ...]]]:
    for name, values in enums.items():
        # A value without a mark says so, so that a form can ask each of them.
        marks = dict.fromkeys((mark for value in values for mark in value.marks or {}), False)
        yield (
            name,
            tuple(
                Word(each.name, each.label, each.description, {**marks, **(each.marks or {})})
                for each in values
            ),
        )
