"""The bodies of requests, typed: those of AuthZEN, and the short form of ``/v1``.

Members that are not declared here are ignored, as the standard demands.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.errors import InvalidRequestError
from sidecar.http.freshness import NO_DEMAND, REVISION_PATTERN, Demand
from sidecar.model import Reference, Request

Text = Annotated[str, Meta(min_length=1)]


class Entity(Struct, frozen=True):
    """A subject or a resource."""

    type: Text
    id: Text
    properties: dict[str, Any] = {}


class SearchedEntity(Struct, frozen=True):
    """The type that a search looks for; an `id` beside it is ignored."""

    type: Text
    properties: dict[str, Any] = {}
    id: ClassVar[str] = ""


class Action(Struct, frozen=True):
    """An action."""

    name: Text
    properties: dict[str, Any] = {}


def _request(
    subject: Entity | SearchedEntity,
    action: Action,
    resource: Entity | SearchedEntity,
    context: dict[str, Any],
) -> Request:
    return Request(
        subject=Reference(subject.type, subject.id),
        action=action.name,
        resource=Reference(resource.type, resource.id),
        subject_properties=subject.properties,
        action_properties=action.properties,
        resource_properties=resource.properties,
        context=context,
    )


# --- AuthZEN ------------------------------------------------------------------------------------


class Evaluation(Struct, frozen=True):
    """One request in the form of AuthZEN."""

    subject: Entity
    action: Action
    resource: Entity
    context: dict[str, Any] = {}

    def request(self) -> Request:
        """Return it as the engine takes it."""
        return _request(self.subject, self.action, self.resource, self.context)


SEMANTICS = ("execute_all", "deny_on_first_deny", "permit_on_first_permit")
"""How a batch can be worked through."""

STOPS_AFTER: Mapping[str, bool | None] = dict(zip(SEMANTICS, (None, False, True), strict=True))
"""After which decision each of these stops; the response ends with it."""


class Options(Struct, frozen=True):
    """How a batch is worked through."""

    evaluations_semantic: Annotated[str, Meta(extra_json_schema={"enum": SEMANTICS})] = SEMANTICS[0]


class Batch(Struct, frozen=True):
    """The part of a batch that holds for all of its items; the rest is checked item by item."""

    evaluations: list[Any] = []
    options: Options = Options()

    def stops_after(self) -> bool | None:
        """Return the decision that ends the batch; None where none does.

        Raises:
            InvalidRequestError: The semantic is not one of the standard's.
        """
        semantic = self.options.evaluations_semantic
        if semantic not in STOPS_AFTER:
            raise InvalidRequestError(
                "options.evaluations_semantic", f"must be one of {', '.join(STOPS_AFTER)}"
            )
        return STOPS_AFTER[semantic]


class Page(Struct, frozen=True):
    """Which part of the results of a search; `properties` would be of our own making: none are."""

    token: str = ""
    limit: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    properties: dict[str, Any] = {}


class SubjectSearch(Struct, frozen=True):
    """Who may do this on this resource?"""

    subject: SearchedEntity
    action: Action
    resource: Entity
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which ignores the id of the subject."""
        return _request(self.subject, self.action, self.resource, self.context)


class ResourceSearch(Struct, frozen=True):
    """On which resources may this subject do this?"""

    subject: Entity
    action: Action
    resource: SearchedEntity
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which ignores the id of the resource."""
        return _request(self.subject, self.action, self.resource, self.context)


AnyAction = Annotated[
    Any,
    Meta(
        description="The `properties` that the caller sends for each action; all else is ignored.",
        extra_json_schema={"type": "object", "properties": {"properties": {"type": "object"}}},
    ),
]
"""The action of a request about all actions. AuthZEN ignores it, so that only `properties` that
are there can be malformed."""


def _every_action(action: object) -> Action:
    """Return what stands for every action, with the properties that the caller sends for each.

    Raises:
        InvalidRequestError: They are no object.
    """
    properties = action.get("properties", {}) if isinstance(action, dict) else {}
    if not isinstance(properties, dict):
        raise InvalidRequestError("action.properties", "must be an object")
    return Action("*", properties)


class ActionSearch(Struct, frozen=True):
    """What may this subject do on this resource?"""

    subject: Entity
    resource: Entity
    action: AnyAction = {}
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which ignores the name of the action.

        Raises:
            InvalidRequestError: The properties of the action are no object.
        """
        return _request(self.subject, _every_action(self.action), self.resource, self.context)


# --- /v1 ----------------------------------------------------------------------------------------

Short = Annotated[str, Meta(min_length=1, pattern=r"^[^:]+:[\s\S]+$", examples=["account:acme"])]
"""``type:id``, split at the first colon; the id may hold anything, further colons included."""

Seconds = Annotated[float, Meta(ge=0)]

Revision = Annotated[
    str,
    Meta(pattern=f"^(?:|{REVISION_PATTERN})$", description="Of the facts, or a writer's token."),
]


def _entity(reference: str | Entity) -> Entity:
    if not isinstance(reference, str):
        return reference
    name, _, identifier = reference.partition(":")
    return Entity(name, identifier)


def _demand(max_age: float | UnsetType, min_revision: str) -> Demand:
    if max_age is UNSET and not min_revision:
        return NO_DEMAND
    return Demand(inf if max_age is UNSET else max_age, min_revision)


class Authorize(Struct, frozen=True):
    """May this subject do this action on this resource?"""

    subject: Short | Entity
    action: Text | Action
    resource: Short | Entity
    context: dict[str, Any] = {}
    max_age: Seconds | UnsetType = UNSET
    min_revision: Revision = ""
    explain: bool = False

    def request(self) -> Request:
        """Return it as the engine takes it."""
        action = Action(self.action) if isinstance(self.action, str) else self.action
        return _request(_entity(self.subject), action, _entity(self.resource), self.context)

    def demand(self) -> Demand:
        """Return how new the facts have to be."""
        return _demand(self.max_age, self.min_revision)


class AuthorizeMany(Struct, frozen=True):
    """Several requests at once; what one of them lacks is taken from beside `requests`."""

    requests: Annotated[
        list[Any],
        Meta(description="Each as a single request; a faulty one is denied and spoils no other."),
    ]


class Permissions(Struct, frozen=True):
    """What may this subject do on this resource?"""

    subject: Short | Entity
    resource: Short | Entity
    action: AnyAction = {}
    context: dict[str, Any] = {}
    max_age: Seconds | UnsetType = UNSET
    min_revision: Revision = ""

    def request(self) -> Request:
        """Return it as a search takes it, which ignores the name of the action.

        Raises:
            InvalidRequestError: The properties of the action are no object.
        """
        action = _every_action(self.action)
        return _request(_entity(self.subject), action, _entity(self.resource), self.context)

    def demand(self) -> Demand:
        """Return how new the facts have to be."""
        return _demand(self.max_age, self.min_revision)


class PermissionsOfMany(Struct, frozen=True):
    """What may this subject do on each of these resources?"""

    subject: Short | Entity
    resources: list[Short | Entity]
    action: AnyAction = {}
    context: dict[str, Any] = {}
    max_age: Seconds | UnsetType = UNSET
    min_revision: Revision = ""

    def requests(self) -> list[Request]:
        """Return a request about each resource, as a search takes it.

        Raises:
            InvalidRequestError: The properties of the action are no object.
        """
        subject, action = _entity(self.subject), _every_action(self.action)
        return [_request(subject, action, _entity(each), self.context) for each in self.resources]

    def demand(self) -> Demand:
        """Return how new the facts have to be."""
        return _demand(self.max_age, self.min_revision)
