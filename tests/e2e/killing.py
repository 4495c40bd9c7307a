"""Processes of a sidecar that are killed under load, and what its decision log has then."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from sidecar.decision_log import Hashing
from sidecar.decision_log.files import lines_of, log_files
from sidecar.decision_log.verifier import Verification
from tests.e2e.databases import make_database
from tests.e2e.running import EDIT, Sidecar, ask, serving, until
from tests.patience import PATIENCE

KEY = b"a key for tests that is long"

BATCH = {
    "action": {"name": "numbers.edit"},
    "resource": {"type": "account", "id": "acme"},
    "evaluations": [{"subject": {"type": "user", "id": name}} for name in ("ana", "bob", "dora")]
    * 5,
}

VICTIMS: Sequence[str] = ("worker", "worker", "worker", "follower", "worker", "master")
"""Which processes are killed, in turn."""


@dataclass
class Callers:
    """Threads that ask for decisions, and the ids of those that they were given."""

    port: int
    ids: list[str] = field(default_factory=list)
    stops: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        while not self.stops.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            try:
                while not self.stops.is_set():
                    self._ask(connection, number)
            except (OSError, http.client.HTTPException):
                self.stops.wait(0.01)  # whoever answered is gone
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> None:
        path, body = ("/access/v1/evaluations", BATCH) if number % 2 else ("/v1/authorize", EDIT)
        status, told = ask(connection, path, body)
        if status != HTTPStatus.OK:  # there are no facts yet
            self.stops.wait(0.01)
        elif number % 2:
            self.ids += [each["context"]["decision_id"] for each in told["evaluations"]]
        else:
            self.ids.append(told["decision_id"])


@contextmanager
def calling(port: int, threads: int = 4) -> Iterator[Callers]:
    callers = Callers(port)
    running = [threading.Thread(target=callers.run, args=(n,), daemon=True) for n in range(threads)]
    for each in running:
        each.start()
    try:
        yield callers
    finally:
        callers.stops.set()
        for each in running:
            each.join(PATIENCE)


@dataclass
class Outcome:
    """What callers were told, and what the log has."""

    told: list[str]
    logged: list[str]
    verification: Verification
    files: int
    kills: int


def kill_often(root: Path, kills: int, victims: Sequence[str] = VICTIMS) -> Outcome:
    """Kill processes of a sidecar under load, so often, and start it again when it has ended."""
    make_database(root / "facts.sqlite", root / "fixtures", root / "data")
    (root / "key").write_bytes(KEY)
    options = [
        *("--data", "sqlite:facts.sqlite", "--store", "store"),
        *("--decision-log", "decisions", "--decision-log-key", "key"),
        *("--decision-log-max-bytes", "300000"),
    ]
    told: list[str] = []
    done = 0
    while done < kills:
        with serving(root, *options) as sidecar, calling(sidecar.port) as callers:
            while done < kills:
                seen = len(callers.ids)
                until(lambda seen=seen: len(callers.ids) > seen + 20)  # type: ignore[misc]
                victim = victims[done % len(victims)]
                _kill(sidecar, victim)
                done += 1
                if victim == "master":
                    old = sidecar.workers()
                    until(lambda old=old: not any(map(_lives, old)))  # type: ignore[misc]
                    break
        told += callers.ids
    files = log_files([root / "decisions"])
    verification = Verification(Hashing(KEY))
    logged = []
    for file in files:
        lines = list(lines_of(file))
        verification.read(str(file), lines)
        logged += [
            line.split(b'"decision_id":"')[1][:32].decode()
            for line in lines
            if b'"decision_id":"' in line
        ]
    verification.finish()
    return Outcome(told, logged, verification, len(files), done)


def _kill(sidecar: Sidecar, victim: str) -> None:
    """Kill a process; of a worker or the follower, wait until there is another one."""
    if victim == "master":
        sidecar.process.kill()
        return
    if victim == "worker":
        workers = sidecar.workers()
        os.kill(next(filter(_lives, workers)), signal.SIGKILL)  # the one that has answered most
        until(lambda: len(sidecar.workers()) > len(workers))
        return
    (follower,) = children(sidecar.process.pid) - set(sidecar.workers())
    os.kill(follower, signal.SIGKILL)
    until(lambda: children(sidecar.process.pid) - set(sidecar.workers()) - {follower})


def children(process: int) -> set[int]:
    """Return the processes that a process has started and that have not ended."""
    return {
        int(number)
        for tasks in Path(f"/proc/{process}/task").iterdir()
        for number in (tasks / "children").read_text().split()
    }


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}
