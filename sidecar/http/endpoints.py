"""Every endpoint: what responds to it, and the types of its questions and answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from sidecar.http import routes_evaluation, routes_gateway, routes_native, routes_search
from sidecar.http.gateways import DIALECTS, ENVOY
from sidecar.http.message import Response
from sidecar.http.request_context import RequestContext
from sidecar.http.requests import (
    ActionSearch,
    Authorize,
    AuthorizeMany,
    Batch,
    Evaluation,
    Permissions,
    PermissionsOfMany,
    ResourceSearch,
    SubjectSearch,
)
from sidecar.http.responses import (
    Alive,
    Answer,
    Answers,
    Evaluated,
    EvaluatedMany,
    FoundActions,
    FoundEntities,
    Metadata,
    Permitted,
    PermittedOnMany,
    Readiness,
)
from sidecar.http.routes_catalog import Catalog

Example = dict[str, Any]

_FILLED = Annotated[
    Batch,
    Meta(
        extra_json_schema={
            "required": ["evaluations"],
            "properties": {"evaluations": {"minItems": 1}},
        }
    ),
]
"""A batch with items; one without is a single question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path."""

    path: str
    name: str
    summary: str
    answers: tuple[Any, ...]
    respond: Callable[[RequestContext], Response] | None = None
    """Makes the response; None where a view of Flask does."""
    questions: tuple[Any, ...] = ()
    """Empty where nothing is sent: then the method is GET."""
    examples: Mapping[str, Example] = field(default_factory=dict)
    """Questions by a name for each."""
    needs_pair: bool = True
    """Whether it cannot answer without a policy and a snapshot."""
    validated: bool = False
    """Whether `ETag` and `If-None-Match` are understood."""
    fields: tuple[str, ...] = ()
    """Header fields that it needs."""
    statuses: Mapping[int, Any] = field(default_factory=dict)
    """Other statuses with the type of their body, beside those that every endpoint has."""


_ANA: Example = {"type": "user", "id": "ana"}
_READ: Example = {"name": "read"}
_REPORT: Example = {"type": "document", "id": "report"}
_SHORT: Example = {"subject": "user:ana", "action": "read", "resource": "document:report"}
_LONG: Example = {"subject": _ANA, "action": _READ, "resource": _REPORT}
_SOUGHT_SUBJECT: Example = {**_LONG, "subject": {"type": "user"}, "page": {"limit": 10}}
_SOUGHT_RESOURCE: Example = {**_LONG, "resource": {"type": "document"}}

_GATEWAYS = tuple(
    Endpoint(
        path=path,
        name=dialect.name,
        respond=routes_gateway.gateway,
        summary=f"May this proxy let the request through? In the dialect of {dialect.name}.",
        answers=(Answer,),
        fields=tuple(name.decode() for name in dialect.fields()),
        statuses={401: Answer, 403: Answer, 404: None},
    )
    for path, dialect in DIALECTS.items()
    if path != ENVOY
)
"""The paths and methods below `ENVOY` are those of a proxy's clients."""

ENDPOINTS = (
    Endpoint(
        path="/v1/authorize",
        name="authorize",
        respond=routes_native.authorize,
        summary="May this subject do this action on this resource? Or several questions at once.",
        questions=(Authorize, AuthorizeMany),
        answers=(Answer, Answers),
        examples={
            "one question": _SHORT,
            "explained, from fresh facts": {**_SHORT, "explain": True, "max_age": 5},
            "several": {"subject": "user:ana", "resource": "document:report",
                        "requests": [{"action": "read"}, {"action": "write"}]},
        },
    ),
    Endpoint(
        path="/v1/permissions",
        name="permissions",
        respond=routes_native.permissions,
        summary="Which actions may this subject do on this resource, or on each of several?",
        questions=(Permissions, PermissionsOfMany),
        answers=(Permitted, PermittedOnMany),
        validated=True,
        examples={
            "one resource": {"subject": "user:ana", "resource": "document:report"},
            "several": {"subject": "user:ana", "resources": ["document:report", "document:plan"]},
        },
    ),
    Endpoint(
        path="/v1/catalog",
        name="catalog",
        summary="Which words are there: types, actions, enums, reasons and obligations?",
        answers=(Catalog,),
    ),
    Endpoint(
        path="/access/v1/evaluation",
        name="evaluation",
        respond=routes_evaluation.evaluation,
        summary="AuthZEN: one question.",
        questions=(Evaluation,),
        answers=(Evaluated,),
        examples={"one question": _LONG},
    ),
    Endpoint(
        path="/access/v1/evaluations",
        name="evaluations",
        respond=routes_evaluation.evaluations,
        summary="AuthZEN: several questions at once.",
        questions=(_FILLED, Evaluation),
        answers=(EvaluatedMany, Evaluated),
        examples={
            "several": {**_LONG, "evaluations": [{}, {"action": {"name": "write"}}],
                        "options": {"evaluations_semantic": "deny_on_first_deny"}},
            "one question": _LONG,
        },
    ),
    Endpoint(
        path="/access/v1/search/subject",
        name="search_subject",
        respond=routes_search.search_subjects,
        summary="AuthZEN: who may do this?",
        questions=(SubjectSearch,),
        answers=(FoundEntities,),
        examples={"readers": _SOUGHT_SUBJECT},
    ),
    Endpoint(
        path="/access/v1/search/resource",
        name="search_resource",
        respond=routes_search.search_resources,
        summary="AuthZEN: on which resources?",
        questions=(ResourceSearch,),
        answers=(FoundEntities,),
        examples={"what can be read": _SOUGHT_RESOURCE},
    ),
    Endpoint(
        path="/access/v1/search/action",
        name="search_action",
        respond=routes_search.search_actions,
        summary="AuthZEN: which actions?",
        questions=(ActionSearch,),
        answers=(FoundActions,),
        examples={"all of them": {"subject": _ANA, "resource": _REPORT}},
    ),
    *_GATEWAYS,
    Endpoint(
        path="/.well-known/authzen-configuration",
        name="metadata",
        summary="AuthZEN: where is what? A 404 until the public URL is set.",
        answers=(Metadata,),
        needs_pair=False,
        statuses={404: None},
    ),
    Endpoint(
        path="/healthz",
        name="healthz",
        summary="Does the process answer?",
        answers=(Alive,),
        needs_pair=False,
    ),
    Endpoint(
        path="/readyz",
        name="readyz",
        summary="Is there something to answer from, and what is wrong with the newest files?",
        answers=(Readiness,),
        needs_pair=False,
        statuses={503: Readiness},
    ),
    Endpoint(
        path="/openapi.json",
        name="openapi",
        summary="This document.",
        answers=(dict[str, Any],),
        needs_pair=False,
    ),
)  # fmt: skip

PREFIXES = (ENVOY,)
"""Endpoints that all paths belong to that begin with them."""

_POSTED: Mapping[str, Callable[[RequestContext], Response]] = {
    each.path: each.respond for each in ENDPOINTS if each.respond is not None and each.questions
}
RESPONDERS: Mapping[str, Callable[[RequestContext], Response]] = {
    **_POSTED,
    **dict.fromkeys(DIALECTS, routes_gateway.gateway),
}
"""What the worker responds to without Flask."""


def endpoint_at(method: str, path: str) -> str | None:
    """Return the one of `RESPONDERS` that a request is for; None if there is none."""
    if method == "POST" and path in _POSTED:
        return path
    for prefix in PREFIXES:
        if path.startswith(prefix):
            return prefix
    return path if method in {"GET", "HEAD"} and path in DIALECTS else None
