"""Servers under measurement: started on their core, waited for, and stopped."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.engines import WrongAnswerError
from bench.places import Place, ask
from bench.shapes import Shape

PATIENCE_SECONDS = 60.0


class NotStartedError(Exception):
    """A server does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Something to measure: how it is started, where it listens, and what it is asked."""

    name: str
    command: Sequence[str]
    place: Place
    shapes: Sequence[Shape]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    """The decision log that it writes."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    pid: int
    start_seconds: float
    """From the start of its process until it answered its first question."""


@contextmanager
def running(peer: Peer, cores: str, folder: Path) -> Iterator[Running]:
    """Start a peer on these cores, and stop it in the end.

    Raises:
        NotStartedError: It ends, or does not answer in time; with the end of what it printed.
    """
    log = folder / "server.log"
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  our own command
            ["taskset", "--cpu-list", cores, *peer.command],
            env={**os.environ, **peer.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while not _answers(peer):
            if process.poll() is not None or time.monotonic() > began + PATIENCE_SECONDS:
                told = log.read_text("utf-8", "replace")[-800:]
                raise NotStartedError(f"{peer.name} does not answer:\n{told}")
            time.sleep(0.01)
        yield Running(process.pid, time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(peer: Peer) -> bool:
    shape = peer.shapes[0]
    connection = peer.place.connection(seconds=5)
    try:
        status, said = ask(connection, shape.path, shape.headers, shape.bodies[0])
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    if status in {http.client.UNAUTHORIZED, http.client.NOT_FOUND, http.client.BAD_REQUEST}:
        raise WrongAnswerError(f"{peer.name} answers {status}: {said[:300]!r}")
    return status == http.client.OK
