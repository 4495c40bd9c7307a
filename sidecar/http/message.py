"""What a request says beside its body, and responses: without Flask, and made cheaply."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeAlias

import msgspec
from werkzeug.http import parse_options_header

from sidecar.decision_log import Line
from sidecar.http.freshness import MAX_AGE_HEADER, MIN_REVISION_HEADER, text_of
from sidecar.http.responses import Fault
from sidecar.http.trace_context import TRACEPARENT, trace_id_of
from sidecar.metrics.counters import Tally
from sidecar.metrics.layout import NOTHING

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

NO_LINES: Sequence[Line] = ()


class RequestHead(msgspec.Struct, gc=False):
    """The header fields that a response can depend on; transports add their own."""

    headers: Mapping[bytes, bytes]
    """By lower-case names."""
    repeated: Collection[bytes] = ()
    """Names of fields that came more than once; their values are joined by commas."""
    method: str = ""
    target: bytes = b""
    """As it was sent: the path, perhaps with a query."""

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> RequestHead:
        """Return those of a WSGI environment."""
        return cls(
            {
                key.removeprefix("HTTP_").replace("_", "-").lower().encode("latin-1"):
                # A server puts nothing else there.
                value.encode("latin-1", "backslashreplace")
                for key, value in environ.items()
                if key.startswith("HTTP_") or key == "CONTENT_TYPE"
            }
        )

    def declares_json(self) -> bool:
        """Tell whether the body is declared to be JSON."""
        return is_json(self.headers.get(b"content-type", b""))

    # Methods: before Python 3.12 a property takes twice the time.

    def authorization(self) -> bytes | None:
        """Return how the caller shows who it is."""
        return self.headers.get(b"authorization")

    @property
    def request_id(self) -> str | None:
        """For the decision log; the transport sends it back with the response."""
        return text_of(self.headers, b"x-request-id")

    @property
    def trace_id(self) -> bytes | None:
        """The trace that the request belongs to, for the decision log; None if it names none."""
        traceparent = self.headers.get(TRACEPARENT)
        return None if traceparent is None else trace_id_of(traceparent)

    @property
    def if_none_match(self) -> str | None:
        """The tags of the answers that the caller has."""
        return text_of(self.headers, b"if-none-match")

    def demands_freshness(self) -> bool:
        """Tell whether it says how new the facts have to be."""
        headers = self.headers
        return MAX_AGE_HEADER in headers or MIN_REVISION_HEADER in headers

    def allows_cached(self) -> bool:
        """Tell whether an answer to the same body will do that was made before."""
        headers = self.headers
        return (
            is_json(headers.get(b"content-type", b""))
            and MAX_AGE_HEADER not in headers
            and MIN_REVISION_HEADER not in headers
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
    log_lines: Sequence[Line] = NO_LINES
    """What has to be in the decision log before the response is sent."""
    counted: int | Tally = NOTHING
    """The cell of the metrics that counts its decision, or the tally of several."""
    fault: Fault | None = None
    """Why there is no answer; None if there is one."""
    cause: str = ""
    """What it counts as among the rejections; empty if there is an answer."""

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """Return it with further header fields."""
        return msgspec.structs.replace(self, headers=(*self.headers, *headers))


def json_response(members: object, status: int = OK) -> Response:
    """Return a response in JSON."""
    return Response(int(status), JSON_HEADERS, msgspec.json.encode(members))
