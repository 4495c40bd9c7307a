"""The sidecar as it is run, for tests: gunicorn in processes of its own, real files and sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sidecar.config.settings import Settings
from tests.paths import ROOT
from tests.patience import PATIENCE

T = TypeVar("T")

EDIT = {"subject": "user:ana", "action": "numbers.edit", "resource": "account:acme"}
"""A question whose answer is yes."""
AS_THEY_ARE: Mapping[str, str] = {}
UNTRACED = {"COVERAGE_PROCESS_CONFIG": ""}
"""For a process that is asked thousands of things: others have shown what is run."""


@dataclass
class Sidecar:
    """A running sidecar, its files and its log."""

    process: subprocess.Popen[bytes]
    port: int
    root: Path
    context: ssl.SSLContext | None = None
    """How to connect by TLS."""

    @property
    def policies(self) -> Path:
        return self.root / "policies"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def log(self) -> str:
        return (self.root / "log").read_text()

    def connect(self) -> http.client.HTTPConnection:
        if self.context:
            return http.client.HTTPSConnection(
                "localhost", self.port, timeout=PATIENCE, context=self.context
            )
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, path: str, said: object, **headers: str) -> tuple[int, Any]:
        with closing(self.connect()) as connection:
            return ask(connection, path, said, **headers)

    def ready(self) -> tuple[int, Any]:
        with closing(self.connect()) as connection:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def has_taken(self, pairs: int) -> Callable[[], bool]:
        """Tell whether the processes have taken so many pairs in all, the first one included."""
        return lambda: self.log().count("answering from") >= pairs

    def allows(self, said: object) -> Callable[[], bool]:
        """Tell whether every worker allows this."""
        return lambda: all(self.each(lambda: self.ask("/v1/authorize", said)[1]["decision"]))

    def each(self, ask: Callable[[], T]) -> list[T]:
        """Ask every worker in turn, the others standing still; on connections that `ask` makes.

        Workers take in a change one by one, and however often they are asked together, one that
        has yet to do so may have answered nothing.
        """
        told = []
        for worker in self.living():
            with self.standing_still(but=worker):
                told.append(ask())
        return told

    @contextmanager
    def standing_still(self, but: int | None = None) -> Iterator[None]:
        """Let the workers do nothing, all but one."""
        stopped = [worker for worker in self.living() if worker != but]
        try:
            for worker in stopped:
                os.kill(worker, signal.SIGSTOP)
            until(lambda: all(_state(worker) == _STOPPED for worker in stopped))
            yield
        finally:
            for worker in stopped:
                os.kill(worker, signal.SIGCONT)

    def living(self) -> list[int]:
        """Return the process ids of the workers that run."""
        return [worker for worker in self.workers() if _state(worker) not in _DEAD]

    def workers(self) -> list[int]:
        """Return the process ids of all workers that have begun, the dead ones included."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log())]


_STOPPED = "T"
_DEAD = ("Z", "X", "")


def _state(pid: int) -> str:
    """Return the letter that /proc has for it; none once it is gone."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return status.rpartition(")")[2].split()[0]


def ask(
    connection: http.client.HTTPConnection, path: str, said: object, **headers: str
) -> tuple[int, Any]:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> float:
    """Wait for something that another process does; return how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - start


def copy_pack(directory: Path) -> Path:
    """Put the shipped pack and the demo world there, to edit."""
    shipped = Settings()
    shutil.copytree(shipped.policies, directory / "policies")
    shutil.copytree(shipped.fixtures, directory / "fixtures")
    shutil.copytree(shipped.mount(), directory / "data")
    return directory


PACK = ("--policies", "policies", "--fixtures", "fixtures")
"""Options for the pack that `copy_pack` puts there."""


def start(
    root: Path,
    *options: str,
    pack: Sequence[str] = PACK,
    python: str = sys.executable,
    through: Sequence[str] = (),
    **variables: str,
) -> subprocess.Popen[bytes]:
    """Start the program on a pack and a mount that `copy_pack` put there; its log is a file.

    Args:
        root: Where they are.
        options: Of the command.
        pack: The options that name the pack.
        python: The interpreter.
        through: A command that changes what its process may do, and then runs what follows it.
        variables: Of the environment, beside our own.
    """
    # Without an admin listener, of which a machine has one at its default address.
    chosen = (*pack, "--data", "data", "--admin", "off")
    with (root / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  our own program
            [*through, python, "-m", "sidecar", "serve", *chosen, *options],
            cwd=root,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},  # noqa: TID251  a child's
        )


def beginning_with(program: str, directory: Path) -> Mapping[str, str]:
    """Return the variables of a process that runs a program before anything else."""
    directory.mkdir(exist_ok=True)
    (directory / "sitecustomize.py").write_text(program)
    return {"PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"}


@contextmanager
def serving(
    root: Path,
    *options: str,
    workers: int = 2,
    context: ssl.SSLContext | None = None,
    variables: Mapping[str, str] = AS_THEY_ARE,
    pack: Sequence[str] = PACK,
    python: str = sys.executable,
    through: Sequence[str] = (),
) -> Iterator[Sidecar]:
    """Run it until the block ends, at a free port, once all its workers are there."""
    chosen = ("--port", "0", "--workers", str(workers), *options)
    process = start(root, *chosen, pack=pack, python=python, through=through, **variables)
    try:
        until(lambda: process.poll() is not None or "Listening at" in (root / "log").read_text())
        found = re.search(r"Listening at: https?://[0-9.]+:(\d+)", (root / "log").read_text())
        assert found, (root / "log").read_text()
        sidecar = Sidecar(process, int(found[1]), root, context)
        until(lambda: len(sidecar.workers()) == workers)
        yield sidecar
    finally:
        process.terminate()
        process.wait(PATIENCE)


def write(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)


def raw(sidecar: Sidecar, sent: bytes) -> bytes:
    """Send bytes and return all that comes back until the sidecar closes."""
    told = b""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE) as client:
        try:
            client.sendall(sent)
            while chunk := client.recv(65536):
                told += chunk
        except ConnectionResetError:
            return told
    return told


def posted(body: bytes, *headers: str, length: int | None = None) -> bytes:
    head = [
        "POST /v1/authorize HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        "Connection: close",
        *headers,
        *([f"Content-Length: {len(body) if length is None else length}"] if length != -1 else []),
    ]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    return (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [body[:9], body[9:]])
        + b"0\r\n\r\n"
    )
