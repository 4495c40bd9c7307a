"""Requests that hide another one, in their bodies or in a tunnel."""

from __future__ import annotations

from collections.abc import Iterator

from tests.system.gateways.attacks import with_lines
from tests.system.gateways.client import Fields, request


def _smuggled(fields: Fields) -> bytes:
    """Return a request that the subject may not make, for where another's body is expected."""
    forged: Fields = [(b"X-Auth-Subject", b"ana"), (b"X-Auth-Subject-Type", b"user")]
    return request(b"DELETE", b"/projects/alpha", [*fields, *forged])


def _framed(fields: Fields, lines: bytes, body: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    """Return a permitted request with a body that ends where some lines of its head say."""
    own = b"".join(b"%s: %s\r\n" % field for field in fields)
    head = b"PUT /projects/alpha %s\r\nHost: projects.example\r\n%s%s\r\n\r\n"
    return head % (version, own, lines) + body


_CODINGS = (
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked ",
    b"Transfer-Encoding: Chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: chunked\0",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"X: a\nTransfer-Encoding: chunked",
    b"X: a\rTransfer-Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding\0: chunked",
    b" Transfer-Encoding: chunked",
)
_LENGTHS = (
    b"Content-Length: 5\r\nContent-Length: %d",
    b"Content-Length: %d\r\nContent-Length: 5",
    b"Content-Length: 5, %d",
    b"Content-Length: 5\r\nContent_Length: %d",
    b"Content-Length : 5\r\nX: %d",
    b"Content-Length: +5\r\nX: %d",
    b"Content-Length: 0x5\r\nX: %d",
    b"Content-Length: -5\r\nX: %d",
    b"Content-Length: 5 %d",
    b"Content-Length: 5\r\n %d",
    b"Content-Length: 18446744073709551621\r\nX: %d",
    b"Content-Length: 5.0\r\nX: %d",
    b"Content-Length: \r\nX: %d",
    b"Content-Length: 00000000005\r\nX: %d",
    b"Connection: Content-Length\r\nContent-Length: %d",
)
_CHUNKS = (
    b"5\r\nhello\r\n0\r\n\r\n%s",
    b"5;a=b\r\nhello\r\n0\r\n\r\n%s",
    b"5;\n\r\nhello\r\n0\r\n\r\n%s",
    b"5\nhello\n0\n\n%s",
    b"5\r\nhello0\r\n\r\n%s",
    b"5\r\nhelloX\r\n0\r\n\r\n%s",
    b"0x5\r\nhello\r\n0\r\n\r\n%s",
    b"+5\r\nhello\r\n0\r\n\r\n%s",
    b"-5\r\nhello\r\n0\r\n\r\n%s",
    b"5 \r\nhello\r\n0\r\n\r\n%s",
    b"100000000000000005\r\nhello\r\n0\r\n\r\n%s",
    b"5\r\nhello\r\n00000\r\n\r\n%s",
    b"5\r\nhello\r\n0\r\nX-Auth-Subject: ana\r\nX-Forwarded-Uri: /projects\r\n\r\n%s",
    b"5\r\nhello\r\n0\r\nContent-Length: 0\r\nX_Auth_Subject: ana\r\n\r\n%s",
    b"5\r\nhello\r\n0\r\n%s",
    b"5\rhello\r0\r\r%s",
    b"%s",
)


def framings(fields: Fields) -> Iterator[bytes]:
    """Yield requests whose bodies end in two places, with another request in between."""
    other = _smuggled(fields)
    for coding in _CODINGS:
        yield _framed(fields, coding, b"0\r\n\r\n" + other)
        both = b"0\r\n\r\n" + other
        for lines in (b"%s\r\nContent-Length: %d", b"Content-Length: %d\r\n%s"):
            parts = (coding, len(both)) if lines.startswith(b"%s") else (len(both), coding)
            yield _framed(fields, lines % parts, both)
        yield _framed(fields, coding + b"\r\nContent-Length: 4", b"%x\r\n" % len(other) + other)
    for version in (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"http/1.1", b"HTTP/1.1 "):
        yield _framed(fields, b"Transfer-Encoding: chunked", b"0\r\n\r\n" + other, version)
        yield _framed(fields, b"Connection: keep-alive", other, version)
    for lengths in _LENGTHS:
        yield _framed(fields, lengths % (5 + len(other)), b"hello" + other)
    for chunks in _CHUNKS:
        yield _framed(fields, b"Transfer-Encoding: chunked", chunks % other)
        trailers = b"TE: trailers\r\nTrailer: X-Auth-Subject, X_Auth_Subject, X-Forwarded-Uri"
        yield _framed(fields, trailers + b"\r\nTransfer-Encoding: chunked", chunks % other)
    yield _framed(fields, b"Expect: 100-continue\r\nContent-Length: 5", b"hello" + other)
    yield _framed(fields, b"Expect: 100-continue\r\nContent-Length: 0", other)
    yield _framed(fields, b"X: a", other)
    yield other.replace(b"DELETE /projects/alpha HTTP/1.1", b"GET /projects/alpha")
    yield b"\r\n\r\n" + other
    yield b"GET /projects/alpha\r\n\r\n" + other


def upgrades(fields: Fields) -> Iterator[bytes]:
    """Yield requests that ask for a tunnel, with another request that would go through it."""
    other = _smuggled(fields)
    for method, target, lines in (
        (b"GET", b"/projects/alpha", b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings"),
        (b"GET", b"/projects/alpha", b"Upgrade: h2c\r\nConnection: Upgrade"),
        (b"GET", b"/projects/alpha", b"upgrade: H2C\r\nConnection: HTTP2-Settings"),
        (b"GET", b"/projects/alpha", b"Upgrade: websocket\r\nConnection: Upgrade"),
        (b"GET", b"/projects/alpha", b"Upgrade: websocket, h2c\r\nConnection: keep-alive, upgrade"),
        (b"GET", b"/projects/alpha", b"Upgrade: websocket\r\nSec-WebSocket-Version: 777"),
        (b"GET", b"/projects/alpha", b"Upgrade: TLS/1.0\r\nConnection: Upgrade"),
        (b"PUT", b"/projects/alpha", b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 0"),
        (b"CONNECT", b"projects.example:80", b"X: a"),
        (b"CONNECT", b"/projects/alpha", b"X: a"),
        (b"CONNECT", b"*", b"Connection: Upgrade\r\nUpgrade: h2c"),
        (b"PRI", b"*", b"X: a"),
    ):
        settings = b"\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nSec-WebSocket-Key: AAAA"
        yield with_lines(method, target, fields, lines + settings) + other
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + other
