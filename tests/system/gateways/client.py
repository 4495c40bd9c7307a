"""A client that sends bytes as they are, and credentials to send with them."""

from __future__ import annotations

import base64
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

from tests.patience import PATIENCE

SILENCE = 0.3
"""Seconds without a byte after which a proxy is taken to wait for more of a broken request."""

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """All that came back for the bytes of one connection."""

    sent_back: bytes

    @property
    def statuses(self) -> list[int]:
        """Those of all responses, in order."""
        return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", self.sent_back)]

    @property
    def status(self) -> int:
        """That of the only response; 0 if there is none, or several."""
        return self.statuses[0] if len(self.statuses) == 1 else 0

    def field(self, name: str) -> str:
        """Return the value of a header field; empty if there is none."""
        head = self.sent_back.partition(b"\r\n\r\n")[0].decode("latin-1")
        found = re.search(rf"(?im)^{name}: *(.*?)\r?$", head)
        return found[1] if found else ""

    @property
    def body(self) -> bytes:
        """What follows the head, as it was sent."""
        return self.sent_back.partition(b"\r\n\r\n")[2]


def send(port: int, sent: bytes, patience: float = PATIENCE) -> Answer:
    """Send bytes; return what comes back until the proxy closes, or sends nothing for a time."""
    came = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client,
        suppress(ConnectionError, TimeoutError),
    ):
        client.settimeout(patience)
        client.sendall(sent)
        while not _is_last(came) and (piece := client.recv(65536)):
            came += piece
    return Answer(came)


def _is_last(came: bytes) -> bool:
    """Return whether a response has come that says that it is the last one of its connection."""
    head, end, body = came[came.rfind(b"HTTP/1.") :].lower().partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head)
    return bool(end and b"\r\nconnection: close" in head and length and len(body) >= int(length[1]))


def request(
    method: bytes,
    target: bytes,
    fields: Fields,
    body: bytes = b"",
    *,
    version: bytes = b"HTTP/1.1",
) -> bytes:
    """Return the bytes of a request whose connection is closed after the response."""
    lines = [b"%s %s %s" % (method, target, version), b"Host: projects.example"]
    lines += [b"%s: %s" % field for field in fields]
    if b"connection" not in {name.lower() for name, _ in fields}:
        lines.append(b"Connection: close")
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def basic(user: str) -> bytes:
    """Return the value of `Authorization` for a user whom the proxy authenticates."""
    return b"Basic " + base64.b64encode(f"{user}:secret".encode())
