"""What callers may ask, typed: the bodies of AuthZEN and the short ones of `/v1`.

Members that are not declared here are ignored, as the standard demands.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.errors import InvalidRequestError
from sidecar.model import Reference, Request

Text = Annotated[str, Meta(min_length=1)]


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

    def request(self) -> Request:
        """Return it as `decide` takes it."""
        return _request(self.subject, self.action, self.resource, self.context)


class Options(Struct, frozen=True):
    """How a batch is worked through."""

    evaluations_semantic: str = "execute_all"


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
        return _request(self.subject, self.action, self.resource, self.context)


class ResourceSearch(Struct, frozen=True):
    """On which resources may this subject do this?"""

    subject: Entity
    action: Act
    resource: Sought
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which does not look at the id of the resource."""
        return _request(self.subject, self.action, self.resource, self.context)


class ActionSearch(Struct, frozen=True):
    """What may this subject do on this resource?"""

    subject: Entity
    resource: Entity
    context: dict[str, Any] = {}
    page: Page | UnsetType = UNSET

    def request(self) -> Request:
        """Return it as a search takes it, which does not look at the action."""
        return _request(self.subject, _ANY, self.resource, self.context)


class Authorize(Struct, frozen=True):
    """One question in the short form: ``"subject": "user:ana"``."""

    subject: Text | Entity
    action: Text | Act
    resource: Text | Entity
    context: dict[str, Any] = {}

    def request(self) -> Request:
        """Return it as `decide` takes it.

        Raises:
            InvalidRequestError: A reference is not written ``type:id``.
        """
        subject, resource = _entity("subject", self.subject), _entity("resource", self.resource)
        action = Act(self.action) if isinstance(self.action, str) else self.action
        return _request(subject, action, resource, self.context)


class Permissions(Struct, frozen=True):
    """What a subject may do on a resource, in the short form."""

    subject: Text | Entity
    resource: Text | Entity
    context: dict[str, Any] = {}

    def request(self) -> Request:
        """Return it as a search takes it, which does not look at the action.

        Raises:
            InvalidRequestError: A reference is not written ``type:id``.
        """
        subject, resource = _entity("subject", self.subject), _entity("resource", self.resource)
        return _request(subject, _ANY, resource, self.context)


_ANY = Act("*")


def _request(
    subject: Entity | Sought, action: Act, resource: Entity | Sought, context: dict[str, Any]
) -> Request:
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


def _entity(member: str, said: str | Entity) -> Entity:
    if isinstance(said, Entity):
        return said
    # The id may hold anything, further colons included.
    name, _, identifier = said.partition(":")
    if not name or not identifier:
        raise InvalidRequestError(member, "must be written `type:id`")
    return Entity(name, identifier)
