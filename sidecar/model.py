"""Requests and decisions, as in the AuthZEN standard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

NOTHING: Mapping[str, object] = MappingProxyType({})
"""No properties, or an empty context."""

Window: TypeAlias = tuple[datetime, datetime]
"""An open interval between two instants."""


class Reference(Struct, frozen=True):
    """A reference to a subject or a resource, written ``type:id``."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


class Request(Struct, frozen=True, kw_only=True):
    """A request to perform an action on a resource.

    Properties and context hold JSON values as the caller sent them; `authorize` admits those that
    the schema declares (requirement R20) and ignores the others.
    """

    subject: Reference
    action: str
    resource: Reference
    subject_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    action_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    resource_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    context: Mapping[str, object] = field(default_factory=lambda: NOTHING)


class Reason(Struct, frozen=True):
    """A reason of a denial: a code, which is part of the API, and a message for the user."""

    code: str
    message: str


class Obligation(Struct, frozen=True):
    """A duty of the caller that comes with an allow."""

    code: str
    message: str


class Revisions(Struct, frozen=True):
    """The hashes of the pack and of the facts behind a decision."""

    policy: str
    data: str


class Decision(Struct, frozen=True, kw_only=True):
    """The decision on a request. `reasons` is empty exactly if `allowed` is true."""

    allowed: bool
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions
    faults: tuple[str, ...] = ()
    """Rules that failed during evaluation: for metrics and the log, not for the caller."""
    outside: tuple[str, ...] = ()
    """Members of the request whose values are outside their domain, such as `context.network`:
    while there are any, nothing is granted."""
    valid: Window | None = None
    """The interval in which policy and facts give the same decision; None if it is not known."""


class PermittedActions(Struct, frozen=True):
    """The actions that would be allowed, in the order of the schema."""

    actions: tuple[str, ...]
    obligations: Mapping[str, tuple[Obligation, ...]] = {}
    """The obligations of each action that has any."""
    valid: Window | None = None
    """As of a decision."""

    def of(self, action: str) -> tuple[Obligation, ...]:
        """Return the obligations of an action."""
        return self.obligations.get(action, ())
