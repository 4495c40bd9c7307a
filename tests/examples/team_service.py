"""The team service as its one command starts it, for tests."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.running import until
from tests.paths import ROOT
from tests.patience import PATIENCE

EXAMPLE = ROOT / "examples" / "team-service"


@dataclass
class TeamService:
    """A running service, and the directory of its files."""

    port: int
    directory: Path
    process: subprocess.Popen[bytes]
    """The one command, whose children are the sidecar and the service."""

    def token(self, address: str) -> str:
        """Return the token of the newest mail to an address."""
        (token,) = re.findall(r"^Your token: (\S+)", self._mail(address), re.MULTILINE)
        return str(token)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows that a statement selects in the database of the service."""
        with self._connected() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
            return rows

    def execute(self, statement: str) -> None:
        """Change rows as nobody else may."""
        with self._connected() as connection:
            connection.execute(statement)
            connection.commit()

    @contextmanager
    def without_sidecar(self) -> Iterator[None]:
        """Let all processes of the sidecar stand still."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        (group,) = (
            int(pid)
            for pid in children.split()
            if b"\0serve\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        url = (self.directory / "database").read_text()
        kind, _, path = url.partition(":")
        if kind == "sqlite":
            with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
                yield connection
        else:
            import psycopg  # noqa: PLC0415  only the tests of the system have a server

            with psycopg.connect(url) as connected:
                yield connected

    def _mail(self, address: str) -> str:
        return (self.directory / "mail" / address).read_text()


class Person:
    """Somebody who sends requests, with the cookie that they were given."""

    def __init__(self, service: TeamService) -> None:
        self._service = service
        self.cookie = ""

    def send(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Return status and body of a response."""
        sent = {"Content-Type": "application/json", "Cookie": self.cookie, **headers}
        with closing(
            http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=PATIENCE)
        ) as connection:
            connection.request(method, path, json.dumps(body or {}), sent)
            response = connection.getresponse()
            if cookie := response.headers["Set-Cookie"]:
                self.cookie = cookie.partition(";")[0]
            return response.status, json.loads(response.read())


@contextmanager
def team_service(directory: Path, *options: str) -> Iterator[TeamService]:
    """Start it with all that it needs, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    output = directory.with_suffix(".output")
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own
            [
                *(sys.executable, "-m", "local"),
                *("--directory", str(directory), "--port", str(port), *options),
            ],
            cwd=EXAMPLE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},  # noqa: TID251  a child's
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: "listens at" in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield TeamService(port, directory, process)
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0, output.read_text()
