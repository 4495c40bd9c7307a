"""The entities of AuthZEN: requests, and the decisions about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from msgspec import Struct, field

NOTHING: Mapping[str, object] = MappingProxyType({})
"""No properties, or an empty context."""

Window: TypeAlias = tuple[datetime, datetime]
"""Two instants, neither of which belongs to it."""


class Reference(Struct, frozen=True):
    """A subject or a resource by its name, written ``type:id``."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


class Request(Struct, frozen=True, kw_only=True):
    """May this subject do this action on this resource?

    Properties and context hold JSON values as the caller sent them; `authorize` admits those that
    the schema declares (requirements R20) and ignores the others.
    """

    subject: Reference
    action: str
    resource: Reference
    subject_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    action_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    resource_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    context: Mapping[str, object] = field(default_factory=lambda: NOTHING)


class Reason(Struct, frozen=True):
    """Why a request is denied: a code that is part of the API, and what a person can do next."""

    code: str
    message: str


class Obligation(Struct, frozen=True):
    """What the caller must do along with an allow."""

    code: str
    message: str


class Revisions(Struct, frozen=True):
    """What a decision was made from: content hashes of the pack and of the facts."""

    policy: str
    data: str


class Decision(Struct, frozen=True, kw_only=True):
    """The decision about one request. `reasons` is empty exactly when `allowed` is true."""

    allowed: bool
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions
    faults: tuple[str, ...] = ()
    """Rules that failed while they were evaluated: for the alarm and the log, not the caller."""
    outside: tuple[str, ...] = ()
    """Members of the request whose values are outside their domain, such as `context.network`:
    while there are any, nothing is granted."""
    valid: Window | None = None
    """Between these instants the same request has the same decision, from the same policy and
    facts; None where that is not known."""


class PermittedActions(Struct, frozen=True):
    """The actions that would be allowed, in the order of the schema."""

    actions: tuple[str, ...]
    obligations: Mapping[str, tuple[Obligation, ...]] = {}
    """Of those actions that carry any: what the caller must do along with the allow."""
    valid: Window | None = None
    """As of a decision."""

    def of(self, action: str) -> tuple[Obligation, ...]:
        """Return the obligations of an action."""
        return self.obligations.get(action, ())
