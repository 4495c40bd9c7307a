"""One HTTP request: what its head says, and the heads that are refused.

llhttp has refused whatever is no HTTP. The checks here refuse what it lets pass: what our limits
forbid, what another reader of the same bytes could take for another request, and what is not
supported.
"""

from __future__ import annotations

from collections.abc import Sequence

from httptools import HttpRequestParser

from sidecar.http import RESPONDERS, RequestHead, is_json
from sidecar.http.errors import Rejection
from sidecar.http.freshness import freshness_headers
from sidecar.server.limits import Limits

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields, as they were sent."""

_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY")
}
"""Those of HTTP; a path that lacks one answers 405. llhttp knows others, and those of RTSP, whose
versions look like ours."""

_SINGLE = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-encoding"})
"""Fields that two readers could take from different lines."""

_USUAL_TARGETS = {path.encode(): path for path in (*RESPONDERS, "/healthz")}
"""Targets that need no inspection: they are paths without a query."""

_UNUSUAL = frozenset(
    {
        b"transfer-encoding", b"content-encoding", b"expect",
        b"sidecar-max-age", b"sidecar-min-revision",
    }
)  # fmt: skip
"""Fields that few requests have."""

_SCHEMES = (b"http://", b"https://")


class RefusedError(Exception):
    """A request that is refused before anybody looks at what it asks; its connection is closed."""

    def __init__(self, rejection: Rejection, detail: str = "") -> None:
        super().__init__(rejection.sentence.format(detail))
        self.rejection = rejection
        self.detail = detail
        self.request_id: bytes | None = None
        """The id that the caller gave the request, as far as it was read."""


class Request(RequestHead, kw_only=True, gc=False):
    """One request; its body is added once all of it has arrived."""

    method: str
    target: bytes
    path: str
    """As it was sent: no path of ours needs escapes, so none are decoded."""
    version: str
    """Either `1.0` or `1.1`."""
    headers: dict[bytes, bytes]
    """By lower-case names; values of repeated fields are joined by commas."""
    keep_alive: bool
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


def read_head(
    parser: HttpRequestParser, target: bytes, fields: Fields, limits: Limits, head_bytes: int
) -> Request:
    """Return the request that a head begins.

    Args:
        parser: It has just read the head.
        target: As it was sent.
        fields: As they were sent.
        limits: Of this worker.
        head_bytes: The length of the head; 0 where it came in a piece too short for long fields.

    Raises:
        RefusedError: It is above a limit, ambiguous, or asks for what is not supported.
    """
    method = parser.get_method()
    if len(method) + len(target) + len(" HTTP/1.1 ") > limits.max_line_bytes:
        raise RefusedError(Rejection.LONG_LINE)
    headers = _headers(fields, limits, head_bytes)
    keep_alive = parser.should_keep_alive()
    version = _version(parser, headers, keep_alive=keep_alive)
    if version not in {"1.1", "1.0"} or method not in _METHODS:
        raise RefusedError(Rejection.VERSION_OR_METHOD)
    if version == "1.1" and b"host" not in headers:
        raise RefusedError(Rejection.NO_HOST)
    freshness = None
    if not _UNUSUAL.isdisjoint(headers):
        _check_unusual(headers, version)
        freshness = freshness_headers(
            _text(headers, b"sidecar-max-age"), _text(headers, b"sidecar-min-revision")
        )
    path = _USUAL_TARGETS.get(target)
    if path is None:
        path = _origin_form(target).decode("latin-1").partition("?")[0]
    if int(headers.get(b"content-length", 0)) > limits.max_body_bytes:
        raise RefusedError(Rejection.LONG_BODY)
    return Request(
        json=is_json(headers.get(b"content-type", b"")),
        authorization=_text(headers, b"authorization"),
        request_id=_text(headers, b"x-request-id"),
        if_none_match=_text(headers, b"if-none-match"),
        freshness=freshness,
        method=_METHODS[method],
        target=target,
        path=path,
        version=version,
        headers=headers,
        keep_alive=keep_alive,
    )


def request_id_of(fields: Fields) -> bytes | None:
    """Return the id that the caller gave a request, whatever else its head says."""
    ids = [value for name, value in fields if name.lower() == b"x-request-id"]
    return b",".join(ids) if ids else None


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _headers(fields: Fields, limits: Limits, head_bytes: int) -> dict[bytes, bytes]:
    if len(fields) > limits.max_header_fields or (
        head_bytes > limits.max_header_bytes  # else none of them is
        and any(len(name) + len(value) > limits.max_header_bytes for name, value in fields)
    ):
        raise RefusedError(Rejection.MANY_FIELDS)
    headers = {name.lower(): value.rstrip(b" \t") for name, value in fields}
    return headers if len(headers) == len(fields) else _joined(fields)


def _joined(fields: Fields) -> dict[bytes, bytes]:
    """Return header fields of which some are repeated."""
    headers: dict[bytes, bytes] = {}
    for written, value in fields:
        name = written.lower()
        if name not in headers:
            headers[name] = value.rstrip(b" \t")
        elif name in _SINGLE:
            raise RefusedError(Rejection.REPEATED_FIELD, name.decode("latin-1"))
        else:
            headers[name] += b"," + value.rstrip(b" \t")
    return headers


def _version(parser: HttpRequestParser, headers: dict[bytes, bytes], *, keep_alive: bool) -> str:
    """Return the version of a request; that of most is known without formatting it.

    Where no field says so, llhttp keeps the connections of HTTP/1.1, and of no other version.
    """
    if keep_alive and b"connection" not in headers and b"proxy-connection" not in headers:
        return "1.1"
    version: str = parser.get_http_version()
    return version


def _check_unusual(headers: dict[bytes, bytes], version: str) -> None:
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
