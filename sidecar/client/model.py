"""The questions and decisions of the client's public interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

EMPTY: Mapping[str, object] = MappingProxyType({})

UNAVAILABLE = "unavailable"
"""The reason of a denial by the client itself: the sidecar gave no valid response."""

UNFULFILLED = "unfulfilled_obligation"
"""The reason of a denial of an allow with an obligation that the caller does not fulfil."""


class UnavailableError(Exception):
    """The sidecar gave no valid response; the message names the cause."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A subject or a resource, with the properties that the caller declares."""

    type: str
    id: str
    properties: Mapping[str, object] = field(default_factory=lambda: EMPTY)

    @classmethod
    def of(cls, reference: str | Entity) -> Entity:
        """Return the entity of ``type:id``; the id is all text after the first colon, unchanged.

        Raises:
            ValueError: The text has another form.
        """
        if isinstance(reference, Entity):
            return reference
        name, _, identifier = reference.partition(":")
        if not name or not identifier:
            raise ValueError("an entity must be written `type:id`")
        return cls(name, identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The question whether a subject may perform an action on a resource."""

    subject: str | Entity
    action: str
    resource: str | Entity
    context: Mapping[str, object] = field(default_factory=lambda: EMPTY)
    action_properties: Mapping[str, object] = field(default_factory=lambda: EMPTY)
    fulfils: str | Iterable[str] = frozenset()
    """Codes of the obligations that the caller fulfils if it is allowed; a text is one code."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason of a denial: its code, and a message for the user."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """A duty of the caller that comes with an allow."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Revisions:
    """The revisions of a decision; empty if the sidecar did not respond."""

    policy: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The decision on one question; true exactly if the caller may proceed.

    An allow with obligations is conditional. A caller that does not know an obligation cannot
    fulfil it, so the decision is a denial with the reason `UNFULFILLED` unless the question lists
    every obligation in `fulfils`. An obligation that is added to a policy later therefore denies
    callers that do not know it.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    """Empty exactly if it is allowed."""
    obligations: tuple[Obligation, ...] = ()
    decision_id: str = ""
    """The identifier in the sidecar's decision log; empty if the sidecar did not respond."""
    revisions: Revisions = field(default_factory=Revisions)

    def __bool__(self) -> bool:
        return self.allowed is True

    @property
    def unavailable(self) -> bool:
        """Whether it is a denial because the sidecar gave no valid response."""
        return any(reason.code == UNAVAILABLE for reason in self.reasons)


NO_OBLIGATIONS: Mapping[str, tuple[Obligation, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """The actions that would be allowed, to show them to a user.

    To guard an action, request a decision on it: only a decision denies for an unfulfilled
    obligation.
    """

    actions: tuple[str, ...]
    """In the order of the schema; empty if the sidecar is unavailable."""
    reasons: tuple[Reason, ...] = ()
    """The reason `unavailable`, if the sidecar is."""
    obligations: Mapping[str, tuple[Obligation, ...]] = field(
        default_factory=lambda: NO_OBLIGATIONS
    )
    """The obligations of each action that has any."""

    def __contains__(self, action: object) -> bool:
        return action in self.actions

    def __iter__(self) -> Iterator[str]:
        return iter(self.actions)

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources on which an action would be allowed, to list them to a user."""

    ids: tuple[str, ...]
    """Sorted; all of them, or the first ones up to the limit. Empty if the sidecar is
    unavailable at any page: a list that is cut in silence could be taken for the whole."""
    reasons: tuple[Reason, ...] = ()
    """The reason `unavailable`, if the sidecar is."""
    obligations: Mapping[str, tuple[Obligation, ...]] = field(
        default_factory=lambda: NO_OBLIGATIONS
    )
    """The obligations of each id that has any."""

    def __contains__(self, identifier: object) -> bool:
        return identifier in self.ids

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)


NO_ANSWER = Reason(UNAVAILABLE, "Access cannot be checked now; try again later.")
"""For users; the cause is in the log and in `UnavailableError`."""
