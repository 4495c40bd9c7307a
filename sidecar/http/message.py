"""What a request says beside its body, and responses: without Flask, and made cheaply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
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


class RequestHead(msgspec.Struct, gc=False):
    """The header fields that a response can depend on; transports add their own."""

    json: bool
    """Whether the body is declared to be JSON."""
    authorization: str | None = None
    request_id: str | None = None
    """For the decision log; the transport sends it back with the response."""
    if_none_match: str | None = None
    freshness: FreshnessHeaders | None = None
    """How new the facts have to be."""

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> RequestHead:
        """Return those of a WSGI environment."""
        return cls(
            json=is_json(environ.get("CONTENT_TYPE", "").encode("latin-1")),
            authorization=environ.get("HTTP_AUTHORIZATION"),
            request_id=environ.get("HTTP_X_REQUEST_ID"),
            if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
            freshness=freshness_headers(
                environ.get("HTTP_SIDECAR_MAX_AGE"), environ.get("HTTP_SIDECAR_MIN_REVISION")
            ),
        )


@lru_cache(maxsize=100)
def is_json(content_type: bytes) -> bool:
    """Tell whether a `Content-Type` is that of JSON, whatever its parameters."""
    media_type, _ = parse_options_header(content_type.decode("latin-1"))
    return media_type.lower() == "application/json"


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


def json_response(members: object, status: int = OK) -> Response:
    """Return a response in JSON."""
    return Response(int(status), JSON_HEADERS, msgspec.json.encode(members))
