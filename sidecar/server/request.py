"""One HTTP request: what its head says, and the heads that are refused.

llhttp has refused whatever is no HTTP. The checks here refuse what it lets pass: what our limits
forbid, what another reader of the same bytes could take for another request, and what is not
supported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, MutableSequence, Sequence

from httptools import HttpRequestParser

from sidecar.http import RESPONDERS, RequestHead
from sidecar.http.errors import Rejection
from sidecar.http.trace_context import TRACEPARENT
from sidecar.server.limits import Limits

Headers = Mapping[bytes, bytes]
"""Header fields by lower-case names."""

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields whose names have come before."""

_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY")
}
"""Those of HTTP; a path that lacks one answers 405. llhttp knows others, and those of RTSP, whose
versions look like ours."""

_IDENTIFYING = (b"x-request-id", TRACEPARENT)
"""Fields that the response to a refused request depends on."""

_SINGLE = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-encoding"})
"""Fields that two readers could take from different lines."""

_USUAL_TARGETS = {path.encode(): path for path in (*RESPONDERS, "/healthz")}
"""Targets that need no inspection: they are paths without a query."""

_UNUSUAL = frozenset(
    {b"connection", b"proxy-connection", b"transfer-encoding", b"content-encoding", b"expect"}
)
"""Fields that few requests have."""

_SCHEMES = (b"http://", b"https://")


class RefusedError(Exception):
    """A request that is refused before anybody looks at what it asks; its connection is closed."""

    def __init__(self, rejection: Rejection, detail: str = "") -> None:
        super().__init__(rejection.sentence.format(detail))
        self.rejection = rejection
        self.detail = detail
        self.headers: Headers = {}
        """The fields of the head that its response depends on, as far as they were read."""


class Request(RequestHead, gc=False):
    """One request; its body is added once all of it has arrived."""

    path: str = ""
    """As it was sent: no path of ours needs escapes, so none are decoded."""
    version: str = "1.1"
    """Either `1.0` or `1.1`."""
    keep_alive: bool = True
    """Whether the client may send another request."""
    body: bytes = b""

    @property
    def query(self) -> str:
        """What stands behind the path."""
        return _origin_form(self.target).decode("latin-1").partition("?")[2]

    @property
    def content_length(self) -> int:
        """The length of a body that is not sent in chunks."""
        return int(self.headers.get(b"content-length", 0))

    @property
    def is_chunked(self) -> bool:
        """Whether the body is sent in chunks."""
        return b"transfer-encoding" in self.headers

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        # Clients of HTTP/1.0 do not know that response (RFC 9110, 10.1.1).
        return b"expect" in self.headers and self.version != "1.0"


def check_line(parser: HttpRequestParser, target: bytes, limits: Limits) -> None:
    """Hold the limit of the first line of a head.

    Raises:
        RefusedError: It is longer.
    """
    if len(parser.get_method()) + len(target) + len(" HTTP/1.1 ") > limits.max_line_bytes:
        raise RefusedError(Rejection.LONG_LINE)


def read_head(
    parser: HttpRequestParser, target: bytes, headers: Headers, repeated: Collection[bytes]
) -> Request:
    """Return the request that a head begins.

    Args:
        parser: It has just read the head.
        target: As it was sent.
        headers: Its fields.
        repeated: The names of those that came more than once.

    Raises:
        RefusedError: It is ambiguous, or asks for what is not supported.
    """
    keep_alive, version = parser.should_keep_alive(), "1.1"
    is_usual = keep_alive and _UNUSUAL.isdisjoint(headers)
    if not is_usual:  # where no field says so, llhttp keeps the connections of HTTP/1.1 alone
        version = parser.get_http_version()
    method = _METHODS.get(parser.get_method())
    if method is None or version not in {"1.1", "1.0"}:
        raise RefusedError(Rejection.VERSION_OR_METHOD)
    if version == "1.1" and b"host" not in headers:
        raise RefusedError(Rejection.NO_HOST)
    if not is_usual:
        _check_unusual(headers, version)
    path = _USUAL_TARGETS.get(target)
    if path is None:
        path = _origin_form(target).decode("latin-1").partition("?")[0]
    return Request(headers, repeated, method, target, path, version, keep_alive)


def ids_of(headers: Headers, repeated: Fields) -> Headers:
    """Return the fields that identify a request, whatever else its head says."""
    fields = [*headers.items(), *repeated]
    values = {key: [value for name, value in fields if name == key] for key in _IDENTIFYING}
    return {name: b",".join(each) for name, each in values.items() if each}


def join_fields(
    headers: MutableMapping[bytes, bytes],
    repeated: MutableSequence[tuple[bytes, bytes]],
    limits: Limits,
    head_bytes: int,
) -> Collection[bytes]:
    """Join the values of repeated header fields, and return their names.

    Args:
        headers: The first field of each name.
        repeated: The others; there is none left afterwards.
        limits: Of this worker.
        head_bytes: The length of the head; 0 where it came in a piece too short for long fields.

    Raises:
        RefusedError: There are too many fields, long ones, or some that two readers could take
            from different lines.
    """
    if len(headers) + len(repeated) > limits.max_header_fields or (
        head_bytes > limits.max_header_bytes  # else none of them is
        and any(
            len(name) + len(value) > limits.max_header_bytes
            for name, value in (*headers.items(), *repeated)
        )
    ):
        raise RefusedError(Rejection.MANY_FIELDS)
    if not repeated:
        return ()
    names = frozenset(name for name, _ in repeated)
    for name, _ in repeated:
        if name in _SINGLE:
            raise RefusedError(Rejection.REPEATED_FIELD, name.decode("latin-1"))
    for name, value in repeated:
        headers[name] += b"," + value
    repeated.clear()
    return names


def _check_unusual(headers: Headers, version: str) -> None:
    if b"transfer-encoding" in headers:
        _check_transfer_encoding(headers[b"transfer-encoding"], version)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RefusedError(Rejection.CONTENT_ENCODING)
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise RefusedError(Rejection.EXPECTATION)


def _check_transfer_encoding(coding: bytes, version: str) -> None:
    coding = coding.lower()
    if coding == b"chunked" and version == "1.1":
        return
    if b"," in coding or coding == b"chunked":
        raise RefusedError(Rejection.UNCLEAR_END)
    raise RefusedError(Rejection.TRANSFER_CODING)


def _origin_form(target: bytes) -> bytes:
    """Return a target without scheme and authority, which a client may send (RFC 9112, 3.2.2)."""
    if target.startswith(_SCHEMES):
        authority, slash, rest = target.partition(b"://")[2].partition(b"/")
        target = b"" if b"?" in authority else slash + rest  # a query, and no path before it
    if b"#" in target or not target.startswith((b"/", b"*")):
        raise RefusedError(Rejection.NO_PATH)
    return target
