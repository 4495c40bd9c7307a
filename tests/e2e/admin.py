"""What an operator asks of a running sidecar, for tests."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.running import Sidecar
from tests.patience import PATIENCE

ADMIN = ("--admin", "127.0.0.1:0")
"""Options for a listener at a free port."""


@dataclass(frozen=True)
class Operator:
    """A client of the admin listener of a sidecar."""

    sidecar: Sidecar
    headers: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Return status and body."""
        with closing(self._connect()) as connection:
            connection.request("GET", path, headers={**self.headers, **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def text(self, path: str, **headers: str) -> str:
        """Return the body of a response with status 200."""
        with closing(self._connect()) as connection:
            connection.request("GET", path, headers={**self.headers, **headers})
            response = connection.getresponse()
            assert response.status == 200
            return response.read().decode()

    def _connect(self) -> http.client.HTTPConnection:
        (address,) = re.findall(r"operators ask at: (\S+)", self.sidecar.log())
        if address.startswith("unix:"):
            return _UnixConnection(address.removeprefix("unix:"))
        port = int(address.rpartition(":")[2])
        if self.context:
            return http.client.HTTPSConnection(
                "localhost", port, timeout=PATIENCE, context=self.context
            )
        return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def process(self) -> int:
        """Return the id of the admin process; 0 while there is none."""
        master = self.sidecar.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        workers = self.sidecar.workers()
        return next((int(child) for child in children if int(child) not in workers), 0)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
