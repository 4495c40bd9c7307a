"""The OpenAPI document, made from the types that questions are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import Blueprint, Response

from sidecar.http import message
from sidecar.http.authentication import is_open
from sidecar.http.endpoints import ENDPOINTS, Endpoint
from sidecar.http.flask_response import rendered
from sidecar.http.freshness import MAX_AGE, MIN_REVISION, REVISION_PATTERN, SECONDS_PATTERN
from sidecar.http.gateways import CREDENTIALS, DIALECTS
from sidecar.http.responses import Faulty, Refusal
from sidecar.http.routes_metadata import WELL_KNOWN

Document = dict[str, Any]

_SENTENCES = {
    HTTPStatus.OK: "The answer; a denial is one too.",
    HTTPStatus.NOT_MODIFIED: "The answer that the caller has still holds.",
    HTTPStatus.BAD_REQUEST: "The question is malformed; asking again will not help.",
    HTTPStatus.UNAUTHORIZED: "It is not known who asks.",
    HTTPStatus.FORBIDDEN: "A proxy must not let the request through; the reasons say why.",
    HTTPStatus.NOT_FOUND: "There is nothing at this path.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.SERVICE_UNAVAILABLE: "There is nothing to answer from now, or only what is too old; "
    "`/readyz` says why.",
}
_REFUSALS = {
    HTTPStatus.BAD_REQUEST: {"message": "`subject` is missing", "member": "subject"},
    HTTPStatus.UNAUTHORIZED: {"message": "this token is not known"},
    HTTPStatus.NOT_FOUND: {"message": "there is nothing at this path"},
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"message": "the body is too large"},
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "message": "there is nothing to answer from; `/readyz` says why"
    },
}


_NAMES = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "RequestEntityTooLarge",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
}
"""What the document calls them: what Python calls a status depends on its version."""


def blueprint(public_url: str, *, tokens: bool) -> Blueprint:
    """Return the view of the document.

    Args:
        public_url: The URL that callers know us by; empty where nobody has told it.
        tokens: Whether callers must show one.
    """
    views = Blueprint("openapi", __name__)
    response = _answer(public_url, tokens)

    @views.get("/openapi.json")
    def openapi() -> Response:
        """Answer with the document, which does not change while this process runs."""
        return rendered(response)

    return views


@cache
def _answer(public_url: str, tokens: bool) -> message.Response:  # noqa: FBT001  as it is cached
    return message.json_response(document(public_url, tokens=tokens))


def document(public_url: str, *, tokens: bool = False) -> Document:
    """Return the document of a sidecar that is known by this URL, and asks for tokens or not."""
    types = [Refusal, Faulty]
    for endpoint in ENDPOINTS:
        types += [*endpoint.questions, *endpoint.answers, *filter(None, endpoint.statuses.values())]
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    # Found by position, since not every type can be a key.
    found = iter(schemas[2:])
    paths = {}
    for endpoint in ENDPOINTS:
        questions = [next(found) for _ in endpoint.questions]
        answers = [next(found) for _ in endpoint.answers]
        others = {status: next(found) if kind else None for status, kind in _others(endpoint)}
        operation = _operation(endpoint, questions, answers, others)
        if tokens:
            _guard(endpoint, operation)
        path = endpoint.path + (urlsplit(public_url).path if endpoint.path == WELL_KNOWN else "")
        paths[path] = {"post" if endpoint.questions else "get": operation}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sidecar",
            "version": version("sidecar"),
            "description": _DESCRIPTION,
        },
        "servers": [{"url": public_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {name: _refusal(status) for status, name in _NAMES.items()},
            "securitySchemes": _SCHEMES if tokens else {},
        },
    }


_DESCRIPTION = (
    "May this subject do this? A denial is an answer, with status 200 and its reasons; an error "
    'says `"decision": false` too. Members of a question that are not declared are ignored. The '
    "header `X-Request-ID` comes back unchanged."
)


def _others(endpoint: Endpoint) -> Sequence[tuple[HTTPStatus, Any]]:
    return [(HTTPStatus(status), kind) for status, kind in endpoint.statuses.items()]


def _operation(
    endpoint: Endpoint,
    questions: Sequence[Document],
    answers: Sequence[Document],
    others: dict[HTTPStatus, Document | None],
) -> Document:
    responses: Document = {"200": _response(HTTPStatus.OK, answers)}
    refusals = list[HTTPStatus]()
    operation: Document = {"operationId": endpoint.name, "summary": endpoint.summary}
    if endpoint.questions:
        refusals += [HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
        examples = {name: {"value": example} for name, example in endpoint.examples.items()}
        content = {"schema": _one_of(questions), "examples": examples}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    if endpoint.needs_pair:
        refusals.append(HTTPStatus.SERVICE_UNAVAILABLE)
    if endpoint.questions:
        operation["parameters"] = [*_DEMANDS]
    if endpoint.fields:
        operation["parameters"] = [*map(_field, endpoint.fields)]
    if endpoint.validated:
        operation["parameters"].append(_IF_NONE_MATCH)
        responses["200"]["headers"] = {"ETag": _ETAG}
        responses["304"] = {"description": _SENTENCES[HTTPStatus.NOT_MODIFIED]}
        responses["304"]["headers"] = {"ETag": _ETAG}
    for status, schema in others.items():
        if schema is None:
            refusals.append(status)
        else:
            responses[str(status.value)] = _response(status, [schema])
    for status in refusals:
        responses[str(status.value)] = {"$ref": f"#/components/responses/{_NAMES[status]}"}
    return {**operation, "responses": responses}


def _guard(endpoint: Endpoint, operation: Document) -> None:
    if is_open(endpoint.path):
        operation["security"] = []
        return
    scheme = "gateway_token" if endpoint.path in DIALECTS else "token"
    operation["security"] = [{scheme: []}]
    unknown = HTTPStatus.UNAUTHORIZED
    responses = operation["responses"]
    if (other := responses.get(str(unknown.value))) is not None:  # its own reason
        schema = other["content"]["application/json"]["schema"]
        refusal = {"$ref": "#/components/schemas/Refusal"}
        responses[str(unknown.value)] = _response(unknown, [schema, refusal])
    else:
        responses[str(unknown.value)] = {"$ref": f"#/components/responses/{_NAMES[unknown]}"}


_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer"},
    "gateway_token": {"type": "apiKey", "in": "header", "name": CREDENTIALS.decode()},
}


_ETAG = {"required": True, "schema": {"type": "string"}}
_DEMANDS = (
    {
        "name": MAX_AGE,
        "in": "header",
        "description": "Seconds: nothing is allowed from facts that nobody has seen to be current "
        "for longer. `max_age` under `/v1` says the same.",
        "schema": {"type": "string", "pattern": f"^{SECONDS_PATTERN}$"},
    },
    {
        "name": MIN_REVISION,
        "in": "header",
        "description": "A `revisions.data`: nothing is allowed from older facts. `min_revision` "
        "under `/v1` says the same.",
        "schema": {"type": "string", "pattern": f"^{REVISION_PATTERN}$"},
    },
)
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of the answer that the caller has.",
    "schema": {"type": "string"},
}


def _field(name: str) -> Document:
    return {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}


def _one_of(schemas: Sequence[Document]) -> Document:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _response(status: HTTPStatus, schemas: Sequence[Document]) -> Document:
    content = {"application/json": {"schema": _one_of(schemas)}}
    return {"description": _SENTENCES[status], "content": content}


def _refusal(status: HTTPStatus) -> Document:
    error = {"status": status.value, **_REFUSALS[status]}
    content = {
        "schema": {"$ref": "#/components/schemas/Refusal"},
        "example": {"decision": False, "error": error},
    }
    return {"description": _SENTENCES[status], "content": {"application/json": content}}
