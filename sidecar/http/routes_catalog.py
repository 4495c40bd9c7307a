"""The catalog: types, actions, enums, reasons and obligations, for forms and documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

from flask import Blueprint, Response
from msgspec import Meta, Struct

from sidecar.engine.policy import Policy
from sidecar.http.flask_response import rendered
from sidecar.http.message import json_response
from sidecar.model import Obligation, Reason, Revisions
from sidecar.reload import Pair
from sidecar.schema import Action, Attribute, EntityType, EnumValue


class CatalogProperty(Struct, frozen=True):
    """A property that a caller may send of a subject, a resource, an action, or the context."""

    name: str
    type: Annotated[str, Meta(description="As the schema writes it: decimal, role, account.")]
    values: Annotated[
        tuple[str, ...], Meta(description="Of an enum those that may stand here, else none.")
    ]
    unit: str
    description: str


class CatalogAction(Struct, frozen=True):
    """An action."""

    name: str
    description: str
    creates: Annotated[bool, Meta(description="Whether it makes the resource.")]
    properties: tuple[CatalogProperty, ...]


class CatalogType(Struct, frozen=True):
    """A type of subject or resource, with the properties that a caller may send."""

    name: str
    description: str
    subject: Annotated[bool, Meta(description="Whether it can be a subject.")]
    properties: tuple[CatalogProperty, ...]
    actions: tuple[CatalogAction, ...]


class CatalogValue(Struct, frozen=True):
    """A value of an enum, with its label and description."""

    name: str
    label: str
    description: str
    marks: Annotated[dict[str, bool], Meta(description="Every mark that values of this enum have.")]


class CatalogEnum(Struct, frozen=True):
    """An enum, its values in the order of the schema."""

    name: str
    values: tuple[CatalogValue, ...]


class Catalog(Struct, frozen=True):
    """All that the pack declares."""

    types: tuple[CatalogType, ...]
    enums: tuple[CatalogEnum, ...]
    context: tuple[CatalogProperty, ...]
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions


def blueprint(current: Callable[[], Pair]) -> Blueprint:
    """Return the view of the catalog."""
    views = Blueprint("catalog", __name__)

    @views.get("/v1/catalog")
    def catalog() -> Response:
        """Answer all that the pack declares; nothing in it comes from the mount."""
        pair = current()
        return rendered(json_response(_catalog(pair.policy, pair.revisions())))

    return views


def _catalog(policy: Policy, revisions: Revisions) -> Catalog:
    schema, sentences = policy.schema, policy.sentences
    return Catalog(
        types=tuple(map(_type, schema.types.values())),
        enums=tuple(CatalogEnum(*each) for each in _enums(schema.enums)),
        # Nobody can say what the time is.
        context=_properties(each for each in schema.context.values() if each.name != "now"),
        reasons=tuple(Reason(*each) for each in sentences.reasons.items()),
        obligations=tuple(Obligation(*each) for each in sentences.obligations.items()),
        revisions=revisions,
    )


def _type(declared: EntityType) -> CatalogType:
    return CatalogType(
        name=declared.name,
        description=declared.description,
        subject=declared.subject,
        properties=_properties(each for each in declared.attributes.values() if each.caller),
        actions=tuple(map(_action, declared.actions.values())),
    )


def _action(declared: Action) -> CatalogAction:
    return CatalogAction(
        name=declared.name,
        description=declared.description,
        creates=declared.creates,
        properties=_properties(declared.properties.values()),
    )


def _properties(declared: Iterable[Attribute]) -> tuple[CatalogProperty, ...]:
    return tuple(
        CatalogProperty(
            name=each.name,
            type=each.type.name,
            values=each.only or each.type.values,
            unit=each.unit,
            description=each.description,
        )
        for each in declared
    )


def _enums(
    enums: Mapping[str, tuple[EnumValue, ...]],
) -> Iterable[tuple[str, tuple[CatalogValue, ...]]]:
    for name, values in enums.items():
        # A value without a mark says so, so that a form can ask each of them.
        marks = dict.fromkeys((mark for value in values for mark in value.marks or {}), False)
        catalog_values = [
            CatalogValue(each.name, each.label, each.description, {**marks, **(each.marks or {})})
            for each in values
        ]
        yield name, tuple(catalog_values)
