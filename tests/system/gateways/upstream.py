"""A service that records what reaches it, byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock, Thread
from typing import BinaryIO

from tests.patience import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nreached\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    line: bytes
    lines: tuple[bytes, ...]
    """Those of the header fields, without their ends; one that continues another is its own."""
    body: bytes
    """What is not HTTP, after a head that cannot be read or in a tunnel, included."""

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        """Names and values as they came; what has no colon has no value."""
        return [
            (name, value.strip())
            for name, _, value in (line.partition(b":") for line in self.lines)
        ]

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a field, whose name is in lower case."""
        return [value for found, value in self.fields if found.strip().lower() == name]


class Upstream:
    """Answers everything with 200, and changes to any protocol that it is asked for."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._received: list[Received] = []
        self._lock = Lock()
        self.port = int(listener.getsockname()[1])

    def taken(self) -> list[Received]:
        """Return what has come since the last call."""
        with self._lock:
            received, self._received = self._received, []
            return received

    def serve(self) -> None:
        """Accept connections until the listener is shut down."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader, suppress(OSError):
            while received := _read(reader):
                with self._lock:
                    self._received.append(received)
                if protocol := received.values(b"upgrade"):
                    connection.sendall(SWITCHING % protocol[0])
                    self._record_tunnel(reader)
                    return
                connection.sendall(OK)

    def _record_tunnel(self, reader: BinaryIO) -> None:
        while piece := reader.read1(65536):  # type: ignore[attr-defined]
            with self._lock:
                self._received.append(Received(b"", (), piece))


def _read(reader: BinaryIO) -> Received | None:
    """Read one request; nothing at the end of the connection."""
    line = reader.readline().rstrip(b"\r\n")
    if not line:
        return None
    lines = []
    while field := reader.readline().rstrip(b"\r\n"):
        lines.append(field)
    head = Received(line, tuple(lines), b"")
    if any(b"chunked" in value.lower() for value in head.values(b"transfer-encoding")):
        body = b"".join(_chunks(reader))
    else:
        lengths = [value for value in head.values(b"content-length") if value.isdigit()]
        body = reader.read(int(lengths[-1])) if lengths else b""
    return Received(line, tuple(lines), body)


def _chunks(reader: BinaryIO) -> Iterator[bytes]:
    """Yield the chunks and the trailer fields of a body."""
    while size := int(reader.readline().partition(b";")[0].strip() or b"0", 16):
        yield reader.read(size)
        reader.readline()
    while trailer := reader.readline().rstrip(b"\r\n"):
        yield trailer


@contextmanager
def recording() -> Iterator[Upstream]:
    """Run one at a free port."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        upstream = Upstream(listener)
        thread = Thread(target=upstream.serve, daemon=True)
        thread.start()
        yield upstream
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
