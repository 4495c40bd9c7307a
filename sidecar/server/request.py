"""One HTTP request: what its head says, and the heads that are refused.

llhttp has refused whatever is no HTTP. The checks here refuse what it lets pass: what our limits
forbid, what another reader of the same bytes could take for another request, and what is not
supported.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from sidecar.http.errors import Rejection
from sidecar.server.limits import Limits

_VERSIONS = ("1.1", "1.0")
_METHODS = frozenset(
    {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"QUERY"}
)
"""Those of HTTP; a path that lacks one answers 405. llhttp knows others, and those of RTSP, whose
versions look like ours."""

_SINGLE = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-encoding"})
"""Fields that two readers could take from different lines."""

_SCHEMES = (b"http://", b"https://")


class RefusedError(Exception):
    """A request that is refused before anybody looks at what it asks; its connection is closed."""

    def __init__(self, rejection: Rejection, detail: str = "") -> None:
        super().__init__(rejection.sentence.format(detail))
        self.rejection = rejection
        self.detail = detail


class Request(Struct, gc=False):
    """One request; its body is added once all of it has arrived."""

    method: str
    target: bytes
    path: str
    """As it was sent: no path of ours needs escapes, so none are decoded."""
    query: str
    version: str
    """Either `1.0` or `1.1`."""
    headers: dict[bytes, bytes]
    """By lower-case names; values of repeated fields are joined by commas."""
    keep_alive: bool
    """Whether the client may send another request."""
    content_length: int
    """The length of a body that is not sent in chunks."""
    is_chunked: bool
    body: bytes = b""

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        # Clients of HTTP/1.0 do not know that response (RFC 9110, 10.1.1).
        return b"expect" in self.headers and self.version != "1.0"


def read_head(  # noqa: PLR0913  what the parser has read, one by one
    method: bytes,
    target: bytes,
    version: str,
    fields: Sequence[tuple[bytes, bytes]],
    limits: Limits,
    *,
    keep_alive: bool,
) -> Request:
    """Return the request that a head begins.

    Raises:
        RefusedError: It is above a limit, ambiguous, or asks for what is not supported.
    """
    if len(method) + len(target) + len(" HTTP/1.1 ") > limits.max_line_bytes:
        raise RefusedError(Rejection.LONG_LINE)
    headers = _headers(fields, limits)
    if version not in _VERSIONS or method not in _METHODS:
        raise RefusedError(Rejection.VERSION_OR_METHOD)
    if version == "1.1" and b"host" not in headers:
        raise RefusedError(Rejection.NO_HOST)
    is_chunked = b"transfer-encoding" in headers
    if is_chunked:
        _check_transfer_encoding(headers[b"transfer-encoding"], version)
    if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
        raise RefusedError(Rejection.CONTENT_ENCODING)
    if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
        raise RefusedError(Rejection.EXPECTATION)
    path, _, query = _origin_form(target).decode("latin-1").partition("?")
    content_length = int(headers.get(b"content-length", 0))
    if content_length > limits.max_body_bytes:
        raise RefusedError(Rejection.LONG_BODY)
    return Request(
        method.decode("ascii"),
        target,
        path,
        query,
        version,
        headers,
        keep_alive,
        content_length,
        is_chunked,
    )


def _headers(fields: Sequence[tuple[bytes, bytes]], limits: Limits) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    max_bytes = limits.max_header_bytes
    if len(fields) > limits.max_header_fields:
        raise RefusedError(Rejection.MANY_FIELDS)
    for written, value in fields:
        if len(written) + len(value) > max_bytes:
            raise RefusedError(Rejection.MANY_FIELDS)
        name = written.lower()
        if name not in headers:
            headers[name] = value.rstrip(b" \t")
        elif name in _SINGLE:
            raise RefusedError(Rejection.REPEATED_FIELD, name.decode("latin-1"))
        else:
            headers[name] += b"," + value.rstrip(b" \t")
    return headers


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
        _, slash, rest = target.partition(b"://")[2].partition(b"/")
        target = slash + rest
    if b"#" in target or not target.startswith((b"/", b"*")):
        raise RefusedError(Rejection.NO_PATH)
    return target
