"""What callers may ask, typed: the bodies of AuthZEN.

Members that are not declared here are ignored, as the standard demands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.errors import InvalidRequestError
from sidecar.model import Reference, Request

Text = Annotated[str, Meta(min_length=1)]

SEMANTICS = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")
"""How a batch can be worked through."""

STOPS_AFTER: Mapping[str, bool | None] = dict(zip(SEMANTICS, (None, False, True), strict=True))
"""After which decision each of these stops; the answer ends with it."""

INHERITED: Mapping[str, str] = {"subject": "type", "action": "", "resource": "type", "context": ""}
"""What has a default in a batch, and the one member that an item's own may leave to the default.

An `id`, a `name` or `properties` is never inherited: an item without them would be decided about
the default's.
"""


class Entity(Struct, frozen=True):
    """A subject or a resource."""

    type: Text
    id: Text
    properties: dict[str, Any] = {}


class Sought(Struct, frozen=True):
    """What a search looks for; an `id` beside the type is ignored."""

    type: Text
    properties: dict[str, Any] = {}


class Act(Struct, frozen=True):
    """An action."""

    name: Text
    properties: dict[str, Any] = {}


class Evaluation(Struct, frozen=True):
    """One question in the form of AuthZEN."""

    subject: Entity
    action: Act
    resource: Entity
    context: dict[str, Any] = {}


class Options(Struct, frozen=True):
    """How a batch is worked through."""

    evaluations_semantic: Annotated[str, Meta(extra_json_schema={"enum": SEMANTICS})] = SEMANTICS[0]


class Batch(Struct, frozen=True):
    """The part of a batch that holds for all of its items; the rest is checked item by item."""

    evaluations: list[Any] = []
    options: Options = Options()


class Page(Struct, frozen=True):
    """Which part of the results of a search; `properties` would be of our own making: none are."""

    token: str = ""
    limit: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    properties: dict[str, Any] = {}


class SubjectSearch(Struct, frozen=True):
    """Who may do this on this resource?"""

    subject: Sought
    action: Act
    resource: Entity
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which does not look at the id of the subject."""
        return as_request(self.subject, self.action, self.resource, self.context)


class ResourceSearch(Struct, frozen=True):
    """On which resources may this subject do this?"""

    subject: Entity
    action: Act
    resource: Sought
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which does not look at the id of the resource."""
        return as_request(self.subject, self.action, self.resource, self.context)


SoughtAct = Annotated[
    Any,
    Meta(
        description="The `properties` that the caller says of each action; all else is ignored.",
        extra_json_schema={"type": "object", "properties": {"properties": {"type": "object"}}},
    ),
]
"""The action of a question about all actions. AuthZEN ignores it, so that only `properties` that
are there can be malformed."""


class ActionSearch(Struct, frozen=True):
    """What may this subject do on this resource?"""

    subject: Entity
    resource: Entity
    action: SoughtAct = {}
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which does not look at the name of the action.

        Raises:
            InvalidRequestError: The properties of the action are no object.
        """
        return as_request(self.subject, any_action(self.action), self.resource, self.context)


def any_action(said: object) -> Act:
    """Return what stands for every action, with the properties that the caller says of each.

    Raises:
        InvalidRequestError: They are no object.
    """
    properties = said.get("properties", {}) if isinstance(said, dict) else {}
    if not isinstance(properties, dict):
        raise InvalidRequestError("action.properties", "must be an object")
    return Act("*", properties)


def as_request(
    subject: Entity | Sought, action: Act, resource: Entity | Sought, context: dict[str, Any]
) -> Request:
    """Return a question as `authorize` takes it, or a search."""
    return Request(
        subject=_reference(subject),
        action=action.name,
        resource=_reference(resource),
        subject_properties=subject.properties,
        action_properties=action.properties,
        resource_properties=resource.properties,
        context=context,
    )


def _reference(said: Entity | Sought) -> Reference:
    return Reference(said.type, said.id if isinstance(said, Entity) else "")
