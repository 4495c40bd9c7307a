"""A sidecar that is broken in one way or another."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from tests.patience import PATIENCE

BODY = b'{"decision": true}'
WHOLE = b"Content-Length: %d\r\nContent-Type: application/json\r\n\r\n%s" % (len(BODY), BODY)
IDENTITY = (
    b"X-Auth-Subject-Type: user\r\nX-Auth-Subject: ana\r\nX-Auth-Obligations: -\r\n"
    b"X-Auth-Decision-Id: 1\r\n"
)

WORKING = b"HTTP/1.1 200 OK\r\n" + IDENTITY + WHOLE
"""The answer that lets a request through, to show that the others are what makes the difference."""

ANSWERS = {
    "none": b"",
    "an error": b"HTTP/1.1 500 Internal Server Error\r\n" + IDENTITY + WHOLE,
    "overload": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n" + WHOLE,
    "another service": b"HTTP/1.1 200 OK\r\n" + WHOLE,
    "an empty subject": b"HTTP/1.1 200 OK\r\nX-Auth-Subject: \r\n" + WHOLE,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /login\r\n" + IDENTITY + WHOLE,
    "not found": b"HTTP/1.1 404 Not Found\r\n" + IDENTITY + WHOLE,
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
    b"Connection: Upgrade\r\n" + IDENTITY + b"\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\n" + IDENTITY,
    "half a line": b"HTTP/1.1 20",
    "no HTTP": b"\0\x01\x02\r\n\r\n200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n" + IDENTITY + WHOLE,
    "a status below 100": b"HTTP/1.1 20 OK\r\n" + IDENTITY + WHOLE,
}


@dataclass
class BrokenSidecar:
    """Answers every request with the same bytes, and closes; or never answers at all."""

    port: int
    answer: bytes = b""
    is_silent: bool = False
    asked: bytes = b""
    """The last request."""


@contextmanager
def broken_sidecar() -> Iterator[BrokenSidecar]:
    """Run one at a free port."""
    stopped = Event()

    def reply(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            sidecar.asked = connection.recv(65536)
            if sidecar.is_silent:
                stopped.wait(PATIENCE)
            connection.sendall(sidecar.answer)

    def serve() -> None:
        with suppress(OSError):
            while True:
                Thread(target=reply, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        sidecar = BrokenSidecar(int(listener.getsockname()[1]))
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield sidecar
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
