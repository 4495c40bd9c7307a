"""A client of HTTP/2 (RFC 9113, RFC 7541) that sends header fields as they are, one stream each."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.patience import PATIENCE
from tests.system.gateways.client import SILENCE, Fields

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GO_AWAY = 0, 1, 3, 4, 7
_END_STREAM, _END_HEADERS = 1, 4


def send2(port: int, fields: Fields, body: bytes = b"") -> bytes:
    """Send one request; return the frames that come back until its stream ends, or silence."""
    came = b""
    last = 0 if body else _END_STREAM
    frames = _frame(_SETTINGS, 0, b"", stream=0)
    frames += _frame(_HEADERS, _END_HEADERS | last, b"".join(map(_literal, fields)))
    if body:
        frames += _frame(_DATA, _END_STREAM, body)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client,
        suppress(ConnectionError, TimeoutError),
    ):
        client.sendall(_PREFACE + frames)
        client.settimeout(SILENCE)
        while not _has_ended(came) and (piece := client.recv(65536)):
            came += piece
    return came


def request2(method: bytes, path: bytes, fields: Fields) -> Fields:
    """Return the fields of a request."""
    return [
        (b":method", method),
        (b":scheme", b"http"),
        (b":authority", b"projects.example"),
        (b":path", path),
        *((name.lower(), value) for name, value in fields),
    ]


def _frame(kind: int, flags: int, payload: bytes, stream: int = 1) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def _literal(field: tuple[bytes, bytes]) -> bytes:
    """Return a field that is neither compressed nor entered into a table."""
    return b"\0" + b"".join(_length(len(text)) + text for text in field)


def _length(number: int) -> bytes:
    """Return an integer with a prefix of seven bits (RFC 7541, 5.1)."""
    if number < 0x7F:
        return bytes([number])
    number -= 0x7F
    coded = b"\x7f"
    while number >= 0x80:
        coded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return coded + bytes([number])


def _has_ended(came: bytes) -> bool:
    """Return whether the stream of the request, or the connection, is over."""
    while len(came) >= 9:
        end = 9 + int.from_bytes(came[:3], "big")
        kind, flags, stream = came[3], came[4], int.from_bytes(came[5:9], "big")
        over = kind == _RESET or (kind in {_HEADERS, _DATA} and flags & _END_STREAM)
        if kind == _GO_AWAY or (stream == 1 and over and len(came) >= end):
            return True
        came = came[end:]
    return False
