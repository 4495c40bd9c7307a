"""The bodies of responses, typed: errors, the short form of ``/v1``, AuthZEN, and health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.json import encode

from sidecar.engine.explanation import Explanation
from sidecar.errors import Problem
from sidecar.model import Decision, Obligation, Reason, Revisions

MAX_BODIES = 1024
"""Bodies of decisions that are kept, beside their ids: encoding one costs as much as a look-up of
a fact."""


def either(*names: str) -> dict[str, Any]:
    """Return the schema of a list whose members are one of these types each."""
    return {"items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}}


class Fault(Struct, frozen=True):
    """Why there is no answer."""

    status: int
    message: str
    member: str | UnsetType = UNSET
    """Of the request: what is to blame, as a path."""
    trace_id: str | UnsetType = UNSET
    """Of the request, if its `traceparent` names one."""


class Refusal(Struct, frozen=True, kw_only=True):
    """An error; for a caller that reads nothing else it is a denial."""

    decision: Literal[False] = False
    error: Fault


# --- /v1 ----------------------------------------------------------------------------------------


class Answer(Struct, frozen=True):
    """A decision. Reasons are empty exactly where it allows."""

    decision: bool
    reasons: tuple[Reason, ...]
    obligations: tuple[Obligation, ...]
    revisions: Revisions
    decision_id: str
    explanation: Explanation | UnsetType = UNSET

    @classmethod
    def of(
        cls, decision: Decision, identifier: str, explanation: Explanation | UnsetType = UNSET
    ) -> Answer:
        """Return the response to a decision."""
        return cls(
            decision=decision.allowed,
            reasons=decision.reasons,
            obligations=decision.obligations,
            revisions=decision.revisions,
            decision_id=identifier,
            explanation=explanation,
        )


class Answers(Struct, frozen=True):
    """Answers in the order of the requests, all from one policy, one snapshot and one moment."""

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
    """The actions that would be allowed on each resource, in the order of the request."""

    answers: tuple[PermittedOn, ...]
    revisions: Revisions


# --- AuthZEN ------------------------------------------------------------------------------------


class Custom(Struct, frozen=True):
    """An obligation by AuthZEN's draft profile, of a type that pack and caller have agreed on."""

    id: str
    type: Literal["custom"]
    properties: dict[str, str]
    code: str
    message: str

    @classmethod
    def of(cls, obligation: Obligation) -> Custom:
        """Return an obligation with the members of the native response beside it."""
        code, message = obligation.code, obligation.message
        return cls(code, "custom", {"message": message}, code, message)


class Context(Struct, frozen=True):
    """The reasons and obligations of a decision, and what it was made from."""

    reasons: tuple[Reason, ...]
    obligations: tuple[Custom, ...]
    revisions: Revisions
    decision_id: str


class Evaluated(Struct, frozen=True):
    """A decision."""

    decision: bool
    context: Context | UnsetType = UNSET
    """Left out only where the operator wants it so, and there are no obligations."""


class Blame(Struct, frozen=True):
    """What is wrong with one item of a batch."""

    error: Fault


class Faulty(Struct, frozen=True):
    """An item of a batch that is malformed, and is denied."""

    decision: Literal[False]
    context: Blame


class EvaluatedMany(Struct, frozen=True):
    """Decisions in the order of the items, up to the one that ends the batch."""

    evaluations: Annotated[list[Any], Meta(extra_json_schema=either("Evaluated", "Faulty"))]


class ResultPage(Struct, frozen=True):
    """Which part of the results this is; the last one has no token."""

    next_token: str
    count: Annotated[int, Meta(ge=0)]


class CustomOfResults(Custom, frozen=True):
    """An obligation, and the results whose allow carries it."""

    results: Sequence[str]
    """Their ids, or the names of actions, in the order of the results."""

    @classmethod
    def by(cls, obligation: Obligation, results: Sequence[str]) -> CustomOfResults:
        """Return an obligation with the results that carry it."""
        code, message = obligation.code, obligation.message
        return cls(code, "custom", {"message": message}, code, message, results)


class SearchContext(Struct, frozen=True):
    """The obligations that results of a search carry."""

    obligations: tuple[CustomOfResults, ...]


class Found(Struct, frozen=True):
    """A subject or a resource."""

    type: str
    id: str


class FoundEntities(Struct, frozen=True, kw_only=True):
    """Subjects or resources, sorted by id."""

    page: ResultPage | UnsetType = UNSET
    context: SearchContext | UnsetType = UNSET
    """Only where a result carries obligations."""
    results: tuple[Found, ...]


class FoundAction(Struct, frozen=True):
    """An action."""

    name: str


class FoundActions(Struct, frozen=True, kw_only=True):
    """Actions, sorted by name."""

    page: ResultPage | UnsetType = UNSET
    context: SearchContext | UnsetType = UNSET
    """Only where a result carries obligations."""
    results: tuple[FoundAction, ...]


class Metadata(Struct, frozen=True):
    """Where a caller finds what, below the configured public URL."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str
    capabilities: tuple[str, ...] | UnsetType = UNSET
    supported_obligations: tuple[str, ...] | UnsetType = UNSET


# --- health -------------------------------------------------------------------------------------


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """Whether there is something to answer from, and what is wrong with the newest files."""

    ready: bool
    revisions: Revisions | UnsetType | None = UNSET
    """Told, like the problems, to those only who may ask."""
    problems: tuple[Problem, ...] | UnsetType = UNSET


# --- decisions in bytes ------------------------------------------------------------------------


def write_native(decision: Decision) -> tuple[bytes, bytes]:
    """Write a decision as ``/v1`` has it: what stands before its id, and behind it."""
    return _native(*_written(decision))


def write_authzen(decision: Decision) -> tuple[bytes, bytes]:
    """Write a decision as AuthZEN has it, obligations by its draft profile, likewise."""
    return _authzen(*_written(decision))


def write_bare(decision: Decision) -> tuple[bytes, bytes]:
    """Write a decision as AuthZEN has it without `context`, where it carries no obligations.

    A caller that reads no `context` would take the allow and never see to them.
    """
    if decision.obligations:
        return write_authzen(decision)
    return encode(Evaluated(decision.allowed)), b""


_Written: TypeAlias = tuple[bool, tuple[Reason, ...], tuple[Obligation, ...], Revisions]
"""What is written of a decision; few decisions of one pair differ in it."""


def _written(decision: Decision) -> _Written:
    return decision.allowed, decision.reasons, decision.obligations, decision.revisions


@lru_cache(maxsize=MAX_BODIES)
def _native(
    allowed: bool,  # noqa: FBT001  as `_Written`
    reasons: tuple[Reason, ...],
    obligations: tuple[Obligation, ...],
    revisions: Revisions,
) -> tuple[bytes, bytes]:
    end = b'"}'
    return encode(Answer(allowed, reasons, obligations, revisions, "")).removesuffix(end), end


@lru_cache(maxsize=MAX_BODIES)
def _authzen(
    allowed: bool,  # noqa: FBT001  as `_Written`
    reasons: tuple[Reason, ...],
    obligations: tuple[Obligation, ...],
    revisions: Revisions,
) -> tuple[bytes, bytes]:
    end = b'"}}'
    duties = tuple([Custom.of(each) for each in obligations])
    context = Context(reasons, duties, revisions, decision_id="")
    return encode(Evaluated(allowed, context)).removesuffix(end), end
