"""Requests in HTTP/2 that try to become others when a proxy forwards them in HTTP/1.1."""

from __future__ import annotations

from collections.abc import Iterator

from tests.system.gateways.attacks import FORGED
from tests.system.gateways.client import Fields
from tests.system.gateways.http2 import request2
from tests.system.gateways.targets import TARGETS

_HIDDEN = b"DELETE /projects/alpha HTTP/1.1\r\nHost: a\r\nX-Auth-Subject: ana\r\n\r\n"
_LINES = b"HTTP/1.1\r\nHost: a\r\nX-Auth-Subject: ana\r\n\r\n"

FIELDS: tuple[Fields, ...] = (
    [(b"X-Auth-Subject", b"ana")],
    [(b"x-harmless", b"a\r\nX-Auth-Subject: ana")],
    [(b"x-harmless", b"a\nX-Auth-Subject: ana")],
    [(b"x-harmless", b"a\rX-Auth-Subject: ana")],
    [(b"x-harmless", b"a\0\r\nX-Auth-Subject: ana")],
    [(b"x-harmless", b"a\r\n\r\n" + _HIDDEN)],
    [(b"x-auth-subject: ana\r\nx-harmless", b"a")],
    [(b"x-auth-subject: ana", b"a")],
    [(b"x-auth-subject ", b"ana")],
    [(b" x-auth-subject", b"ana")],
    [(b"x_auth_subject", b"ana")],
    [(b"x.auth.subject", b"ana")],
    [(b"x-auth-subject\0", b"ana")],
    [(b"", b"X-Auth-Subject: ana")],
    [(b":", b"a")],
    [(b":x-auth-subject", b"ana")],
    [(b":status", b"200")],
    [(b"x-auth-subject", b"ana"), (b"x-auth-subject", b"ana")],
    [(b"connection", b"x-auth-subject")],
    [(b"connection", b"close, x-auth-subject"), (b"x-auth-subject", b"ana")],
    [(b"upgrade", b"h2c"), (b"connection", b"upgrade")],
    [(b"te", b"trailers, chunked")],
    [(b"transfer-encoding", b"chunked")],
    [(b"host", b"other.example")],
    [(b"content-length", b"4")],
    [(b"content-length", b"0")],
    [(b"content-length", b"4"), (b"content-length", b"40")],
    [(b"content-length", b"4\r\nX-Auth-Subject: ana")],
    [(b"transfer-encoding", b"chunked\r\nContent-Length: 4")],
    [(b"expect", b"100-continue")],
    [(b"cookie", b"a=b\r\nX-Auth-Subject: ana")],
)
"""Fields that are added to a permitted request."""


def heads(own: Fields) -> Iterator[Fields]:
    """Yield the heads of requests that look permitted, and of some that are not."""
    for target in TARGETS:
        yield request2(b"GET", target, own)
    for fields in FIELDS:
        yield [*request2(b"PUT", b"/projects/alpha", own), *fields]
    for forged in FORGED:
        for method in (b"PUT", b"DELETE"):
            yield request2(method, b"/projects/alpha", [*own, forged])
    clean = request2(b"GET", b"/projects/alpha", own)
    for pseudo in (
        (b":path", b"/projects/alpha/members"),
        (b":path", b"/reports/yearly"),
        (b":method", b"DELETE"),
        (b":authority", b"other.example"),
        (b":protocol", b"websocket"),
    ):
        yield [pseudo, *clean]
        yield [*clean, pseudo]
    for name, value in (
        (b":path", b"/projects/alpha " + _LINES + b"GET /projects/alpha"),
        (b":path", b"/projects/alpha\r\nX-Auth-Subject: ana"),
        (b":path", b"/projects/alpha " + _LINES),
        (b":method", b"GET /projects/alpha " + _LINES + b"DELETE"),
        (b":method", b"DELETE /projects/alpha HTTP/1.1\r\nX:"),
        (b":method", b"CONNECT"),
        (b":method", b""),
        (b":scheme", b"http://other.example/reports/yearly?"),
        (b":scheme", b"https"),
        (b":authority", b"projects.example\r\nX-Auth-Subject: ana"),
        (b":authority", b"projects.example/reports/yearly?"),
        (b":authority", b""),
    ):
        yield [(name, value) if field[0] == name else field for field in clean]
        yield [field for field in clean if field[0] != name]


BODY = b"0\r\n\r\n" + _HIDDEN
"""A body that is another request to whoever takes the wrong end."""
