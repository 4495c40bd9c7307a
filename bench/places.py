"""Where a server listens, and how it is asked one thing at a time."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A port of this machine, or a Unix socket beside it."""

    port: int
    path: Path | None = None

    @property
    def transport(self) -> str:
        """Name it in results."""
        return "UDS" if self.path else "TCP"

    def connection(self, seconds: float = 60.0) -> http.client.HTTPConnection:
        """Return a connection to it, which is made with the first request."""
        if self.path:
            return _UnixConnection(self.path, seconds)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("127.0.0.1", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(
    connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes]:
    """Post one body, and return the status and what is said.

    Raises:
        OSError: Nobody answers.
        http.client.HTTPException: What is answered is no HTTP.
    """
    connection.request("POST", path, body, dict(headers))
    answer = connection.getresponse()
    return answer.status, answer.read()
