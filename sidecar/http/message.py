"""What a request says beside its body, and responses: without Flask, and made cheaply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from werkzeug.http import parse_options_header

from sidecar.http.freshness import FreshnessHeaders, freshness_headers

OK = HTTPStatus.OK.value
"""As a plain number: looking up a member of an enumeration costs as much as a decision."""

Headers: TypeAlias = tuple[tuple[str, str], ...]

COMMON_HEADERS: Headers = (("X-Content-Type-Options", "nosniff"),)
"""On every response."""

JSON_HEADERS: Headers = (
    ("Content-Type", "application/json"),
    # What is allowed now may not be in a moment.
    ("Cache-Control", "no-store"),
    *COMMON_HEADERS,
)
"""On every response that has no others."""

NO_LINES: Sequence[bytes] = ()


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """The header fields that a response can depend on."""

    json: bool
    """Whether the body is declared to be JSON."""
    authorization: str | None = None
    request_id: str | None = None
    """It comes back with the response."""
    if_none_match: str | None = None
    freshness: FreshnessHeaders | None = None
    """How new the facts have to be."""

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> RequestHead:
        """Return those of a WSGI environment."""
        kind, _ = parse_options_header(environ.get("CONTENT_TYPE", ""))
        return cls(
            json=kind.lower() == "application/json",
            authorization=environ.get("HTTP_AUTHORIZATION"),
            request_id=environ.get("HTTP_X_REQUEST_ID"),
            if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
            freshness=freshness_headers(environ),
        )


class Response(msgspec.Struct, frozen=True, gc=False):
    """A status, header fields and a body, and what has to be logged of them."""

    status: int
    headers: Headers
    body: bytes
    log_lines: Sequence[bytes] = NO_LINES
    """What has to be in the decision log before the response is sent, in pieces."""

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """Return it with further header fields."""
        return msgspec.structs.replace(self, headers=(*self.headers, *headers))

    def for_request(self, head: RequestHead) -> Response:
        """Return it with the id that the caller gave the request, if any."""
        if head.request_id is None:
            return self
        return self.with_headers(("X-Request-ID", head.request_id))


def json_response(members: object, status: int = OK) -> Response:
    """Return a response in JSON."""
    return Response(int(status), JSON_HEADERS, msgspec.json.encode(members))
