"""The nouns of the AuthZEN standard: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NOTHING: Mapping[str, object] = MappingProxyType({})
"""No properties, or an empty context."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A subject or a resource by its name, written ``type:id``."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question: may this subject do this action on this resource?

    Properties and context hold JSON values as the caller said them; `authorize` admits those that
    the schema declares (requirements R20) and ignores the others.
    """

    subject: Reference
    action: str
    resource: Reference
    subject_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    action_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    resource_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    context: Mapping[str, object] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request is denied: a code that is part of the API, and what a person can do next."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the caller must do along with an allow."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Revisions:
    """What the answer was made from: content hashes of the pack and of the facts."""

    policy: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one request. `reasons` is empty exactly when `allowed` is true."""

    allowed: bool
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions
    faults: tuple[str, ...] = field(default=())
    """Rules that failed while they were evaluated: for the alarm and the log, not the caller."""
    outside: tuple[str, ...] = field(default=())
    """Members of the request whose values are outside their domain, such as `context.network`:
    while there are any, nothing is granted."""
    written: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """How transports write it, by a name for each form; kept as long as the decision is."""


@dataclass(frozen=True, slots=True)
class PermittedActions:
    """The actions that would be allowed, in the order of the schema."""

    actions: tuple[str, ...]
    obligations: Mapping[str, tuple[Obligation, ...]] = field(default_factory=dict)
    """Of those actions that carry any: what the caller must do along with the allow."""
    written: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """As of a decision."""

    def of(self, action: str) -> tuple[Obligation, ...]:
        """Return the obligations of an action."""
        return self.obligations.get(action, ())
