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


@dataclass
class Received:
    """One request, as it came; its body and trailers may still be coming."""

    line: bytes
    lines: tuple[bytes, ...]
    """Those of the header fields, without their ends; one that continues another is its own."""
    body: bytes = b""
    """What comes through a tunnel is a request without a line."""
    trailers: tuple[bytes, ...] = ()

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
            while received := _read_head(reader):
                # Before the body, which may never end.
                self._record(received)
                _read_body(received, reader)
                if protocol := received.values(b"upgrade"):
                    connection.sendall(SWITCHING % protocol[0])
                    while piece := reader.read1():
                        self._record(Received(b"", (), piece))
                    return
                connection.sendall(OK)

    def _record(self, received: Received) -> None:
        with self._lock:
            self._received.append(received)


def _read_head(reader: BinaryIO) -> Received | None:
    """Read the line and the fields of a request; nothing at the end of the connection."""
    line = reader.readline().rstrip(b"\r\n")
    return Received(line, _lines(reader)) if line else None


def _read_body(received: Received, reader: BinaryIO) -> None:
    if any(b"chunked" in value.lower() for value in received.values(b"transfer-encoding")):
        while size := int(reader.readline().partition(b";")[0].strip() or b"0", 16):
            received.body += reader.read(size)
            reader.readline()
        received.trailers = _lines(reader)
    else:
        lengths = [value for value in received.values(b"content-length") if value.isdigit()]
        received.body = reader.read(int(lengths[-1])) if lengths else b""


def _lines(reader: BinaryIO) -> tuple[bytes, ...]:
    """Read lines up to an empty one."""
    return tuple(iter(lambda: reader.readline().rstrip(b"\r\n"), b""))


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
