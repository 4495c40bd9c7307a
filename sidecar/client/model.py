"""What is asked and answered, as the caller's code sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NOTHING: Mapping[str, object] = MappingProxyType({})

UNAVAILABLE = "unavailable"
"""The reason of a denial that the sidecar did not give: there was no answer that could be used."""

UNFULFILLED = "unfulfilled_obligation"
"""The reason of a denial where the sidecar allows, but demands what the caller does not do."""


class UnavailableError(Exception):
    """There is no answer that can be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A subject or a resource, with what the caller vouches for."""

    type: str
    id: str
    properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)

    @classmethod
    def of(cls, said: str | Entity) -> Entity:
        """Read ``type:id``; the id is all that follows the first colon, as it is.

        Raises:
            ValueError: It is not written so.
        """
        if isinstance(said, Entity):
            return said
        name, _, identifier = said.partition(":")
        if not name or not identifier:
            raise ValueError("an entity must be written `type:id`")
        return cls(name, identifier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May this subject do this action on this resource?"""

    subject: str | Entity
    action: str
    resource: str | Entity
    context: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    action_properties: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    fulfils: str | Iterable[str] = frozenset()
    """Codes of the obligations that the caller sees to when it is allowed; a text is one code."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a code, and what a person can do next."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """What the caller must do along with an allow."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one question; true exactly where the caller may go on.

    An allow with an obligation is an allow on a condition. Code that does not know the condition
    cannot meet it, and to go on all the same would be to do what nobody allowed; so such an answer
    is a denial with the reason `UNFULFILLED`, unless the question said that its caller fulfils each
    of the obligations. An obligation that is added to a policy later closes what does not know it,
    and opens nothing.
    """

    allowed: bool
    reasons: tuple[Reason, ...]
    """Empty exactly where it is allowed."""
    obligations: tuple[Obligation, ...] = ()
    id: str = ""
    """By which the sidecar's log speaks of it; empty where the sidecar did not answer."""
    policy_revision: str = ""
    data_revision: str = ""

    def __bool__(self) -> bool:
        return self.allowed is True

    @property
    def unavailable(self) -> bool:
        """Whether it is a denial only because there was no answer."""
        return any(reason.code == UNAVAILABLE for reason in self.reasons)


NO_OBLIGATIONS: Mapping[str, tuple[Obligation, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """The actions that would be allowed, to show a person what there is to do.

    To guard an action, ask for a decision on it: only there an obligation that the caller does not
    see to is a denial.
    """

    actions: tuple[str, ...]
    """In the order of the schema; empty where there was no answer."""
    reasons: tuple[Reason, ...] = ()
    """Why there are none, where there was no answer."""
    obligations: Mapping[str, tuple[Obligation, ...]] = field(
        default_factory=lambda: NO_OBLIGATIONS
    )
    """Of those actions that carry any: what the caller must do along with the allow."""

    def __contains__(self, action: object) -> bool:
        return action in self.actions

    def __iter__(self) -> Iterator[str]:
        return iter(self.actions)

    def __len__(self) -> int:
        return len(self.actions)


NO_ANSWER = Reason(UNAVAILABLE, "Access cannot be checked now; try again later.")
"""Told to people; what is wrong stands in the log and in `UnavailableError`."""
