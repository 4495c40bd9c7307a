"""What callers are told, typed: the answers of `/v1`, and every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.engine.explanation import Explanation
from sidecar.http.request_context import Answered
from sidecar.model import Obligation, Reason, Revisions


def either(*names: str) -> dict[str, Any]:
    """Return the schema of a list whose members are one of these types each."""
    return {"items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}}


class Fault(Struct, frozen=True):
    """Why there is no answer."""

    status: int
    message: str
    member: str | UnsetType = UNSET
    """Of the question: what is to blame, as a path."""


class Refusal(Struct, frozen=True, kw_only=True):
    """An error; for a caller that reads nothing else it is a denial."""

    decision: Literal[False] = False
    error: Fault


class Answer(Struct, frozen=True):
    """A decision, with all that there is to tell. Reasons are empty exactly where it allows."""

    decision: bool
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions
    decision_id: str
    explanation: Explanation | UnsetType = UNSET

    @classmethod
    def of(cls, answered: Answered, explanation: Explanation | UnsetType = UNSET) -> Answer:
        """Return what a caller is told of a decision."""
        decision = answered.decision
        return cls(
            decision=decision.allowed,
            reasons=decision.reasons,
            obligations=decision.obligations,
            revisions=decision.revisions,
            decision_id=answered.id.decode(),
            explanation=explanation,
        )


class Answers(Struct, frozen=True):
    """Answers in the order of the questions, all from one policy, one snapshot and one moment."""

    answers: Annotated[list[Any], Meta(extra_json_schema=either("Answer", "Refusal"))]


class Permitted(Struct, frozen=True):
    """The actions that would be allowed, in the order of the schema."""

    permissions: tuple[str, ...]
    obligations: Mapping[str, tuple[Obligation, ...]]
    """Of those actions that carry any: what the caller must do along with the allow."""
    revisions: Revisions


class PermittedOn(Struct, frozen=True):
    """The actions that would be allowed on one resource."""

    resource: str
    permissions: tuple[str, ...]
    obligations: Mapping[str, tuple[Obligation, ...]]
    """Of those actions that carry any: what the caller must do along with the allow."""


class PermittedOnMany(Struct, frozen=True):
    """The actions that would be allowed on each resource, in the order of the question."""

    answers: tuple[PermittedOn, ...]
    revisions: Revisions
