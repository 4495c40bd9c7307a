"""What callers are told beside `/v1`, typed: AuthZEN's answers, its metadata, and health."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.errors import Problem
from sidecar.http.native_responses import Fault, either
from sidecar.model import Reason, Revisions


class Custom(Struct, frozen=True):
    """An obligation by AuthZEN's draft profile, of a type that pack and caller have agreed on."""

    id: str
    type: Literal["custom"]
    properties: dict[str, str]
    code: str
    message: str


class Context(Struct, frozen=True):
    """What there is to tell beside a decision."""

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
    """An item of a batch that is no question, and is denied."""

    decision: Literal[False]
    context: Blame


class EvaluatedMany(Struct, frozen=True):
    """Decisions in the order of the questions, up to the one that ends the batch."""

    evaluations: Annotated[list[Any], Meta(extra_json_schema=either("Evaluated", "Faulty"))]


class PageTold(Struct, frozen=True):
    """Which part of the results this is; the last one has no token."""

    next_token: str
    count: Annotated[int, Meta(ge=0)]


class CustomOfResults(Custom, frozen=True):
    """An obligation, and the results whose allow carries it."""

    results: tuple[str, ...]
    """Their ids, or the names of actions, in the order of the results."""


class SearchContext(Struct, frozen=True):
    """What there is to tell beside the results of a search."""

    obligations: tuple[CustomOfResults, ...]


class Found(Struct, frozen=True):
    """A subject or a resource."""

    type: str
    id: str


class FoundEntities(Struct, frozen=True):
    """Subjects or resources, sorted by id."""

    results: tuple[Found, ...]
    page: PageTold | UnsetType = UNSET
    context: SearchContext | UnsetType = UNSET
    """Only where a result carries obligations."""


class FoundAction(Struct, frozen=True):
    """An action."""

    name: str


class FoundActions(Struct, frozen=True):
    """Actions, sorted by name."""

    results: tuple[FoundAction, ...]
    page: PageTold | UnsetType = UNSET
    context: SearchContext | UnsetType = UNSET
    """Only where a result carries obligations."""


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


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Struct, frozen=True):
    """Whether there is something to answer from, and what is wrong with the newest files."""

    ready: bool
    revisions: Revisions | UnsetType | None = UNSET
    """Told, like the problems, to those only who may ask."""
    problems: tuple[Problem, ...] | UnsetType = UNSET
