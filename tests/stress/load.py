"""Clients in a process of their own, which check every response; run as a module.

Half of the connections send one request each, the others up to fifty. Each request has an id of its
own, which its response must repeat.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Literal, NamedTuple, TypeAlias

from tests.e2e.running import until
from tests.paths import ROOT
from tests.patience import PATIENCE

REQUESTS_PER_CONNECTION = 50
FAULTS = 20
"""Faults that are described; the others are counted."""


Command: TypeAlias = Literal["count", "phase", "stop"]


@dataclass
class Load:
    """The clients of all processes, and what they have seen once they have stopped."""

    running: Sequence[subprocess.Popen[str]]
    answered: int = 0
    connections: int = 0
    failed: list[str] = field(default_factory=list)
    failures: int = 0
    decisions: Counter[Seen] = field(default_factory=Counter)
    tenths: Counter[int] = field(default_factory=Counter)
    """Responses by the tenths of a millisecond that they took."""

    def count(self) -> int:
        """Return how many requests have been answered until now."""
        return sum(self._tell("count"))

    def reach(self, number: float) -> None:
        """Wait until so many requests have been answered."""
        until(lambda: self.count() >= number)

    def begin_phase(self) -> None:
        """Count what is sent from now on by itself."""
        self._tell("phase")

    def _tell(self, command: Command) -> list[Any]:
        for each in self.running:
            assert each.stdin
            each.stdin.write(f"{command}\n")
            each.stdin.flush()
        return [json.loads(each.stdout.readline()) for each in self.running if each.stdout]

    def stop(self) -> None:
        for said in self._tell("stop"):
            self.answered += said["answered"]
            self.connections += said["connections"]
            self.failed += said["failed"]
            self.tenths.update({int(tenth): number for tenth, number in said["tenths"].items()})
            self.failures += said["failures"]
            for *key, number in said["decisions"]:
                self.decisions[Seen(*key)] += number
        for each in self.running:
            each.communicate(timeout=PATIENCE)

    def quantile(self, part: float) -> float:
        """Return the milliseconds within which such a part of the responses came."""
        within = 0
        for tenth in sorted(self.tenths):
            within += self.tenths[tenth]
            if within >= part * self.answered:
                return (tenth + 1) / 10
        return 0.0

    def decided(self, name: str) -> set[bool]:
        """Return the decisions of a request."""
        return {seen.decision for seen in self.decisions if seen.name == name}


class Seen(NamedTuple):
    """A kind of answer."""

    sent: int
    """The phase in which the request was sent, the first one being 0."""
    received: int
    """The phase in which the response was received."""
    name: str
    """Of the request."""
    revision: str
    """Of the policy."""
    decision: bool


REQUESTS = int(os.environ.get("STRESS_REQUESTS") or 5_000)  # noqa: TID251  the tests' own
"""How many each test sends at least; `make stress` sets it."""


def asked(user: str, action: str) -> dict[str, str]:
    return {"subject": f"user:{user}", "action": action, "resource": "account:acme"}


ALWAYS = {"may": asked("dora", "numbers.edit"), "may not": asked("dora", "billing.edit")}
"""A developer may do the one and not the other: R4, the role matrix."""


def is_right(clients: Load) -> bool:
    """Tell whether what always holds has always held."""
    return clients.decided("may") == {True} and clients.decided("may not") == {False}


def is_sound(clients: Load) -> bool:
    """Tell whether no request failed either."""
    return clients.failed == [] and clients.failures == 0 and is_right(clients)


def tell(what: str, clients: Load) -> None:
    """Write figures for `docs/reliability.md`."""
    p50, p99, p999 = (clients.quantile(part) for part in (0.5, 0.99, 0.999))
    sys.stdout.write(
        f"\n{what}: {clients.answered} requests on {clients.connections} connections, "
        f"{clients.failures} failed; p50 {p50:.1f}, p99 {p99:.1f}, p99.9 {p999:.1f} ms\n"
    )


@contextmanager
def load(
    port: int, requests: Mapping[str, object], *, connections: int = 16, processes: int = 1
) -> Iterator[Load]:
    """Send requests until the block ends.

    Args:
        port: Of the sidecar.
        requests: Bodies for `/v1/authorize` by a name for each.
        connections: At once, of each process.
        processes: That send.
    """
    said = json.dumps({"port": port, "connections": connections, "requests": requests})
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.stress.load"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for _ in range(processes)
    ]  # fmt: skip
    clients = Load(running)
    try:
        for each in running:
            assert each.stdin
            each.stdin.write(f"{said}\n")
            each.stdin.flush()
        yield clients
        clients.stop()
    finally:
        for each in running:
            each.kill()
            each.wait()


class Clients:
    """The connections of one process."""

    def __init__(self, port: int, requests: Mapping[str, object]) -> None:
        self.port = port
        self.bodies = [(name, json.dumps(body).encode()) for name, body in requests.items()]
        self.numbers = count()
        self.is_stopping = False
        self.answered = self.connections = self.failures = 0
        self.failed: list[str] = []
        self.decisions: Counter[Seen] = Counter()
        self.phase = 0
        self.tenths: Counter[int] = Counter()

    async def run(self, connections: int) -> None:
        threading.Thread(target=self._obey, daemon=True).start()
        await asyncio.gather(*(self._connect_often(number) for number in range(connections)))

    def _obey(self) -> None:
        for command in sys.stdin:
            match command.strip():
                case "count":
                    reply(self.answered)
                case "phase":
                    self.phase += 1
                    reply(self.phase)
                case _:
                    self.is_stopping = True
                    return

    async def _connect_often(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        while not self.is_stopping:
            self.connections += 1
            requests = 1 if number % 2 else REQUESTS_PER_CONNECTION
            try:
                _, client = await loop.create_connection(
                    partial(_Client, self, requests), "127.0.0.1", self.port
                )
            except OSError as error:
                self.fail(f"no connection: {error}")
                continue
            await client.closed

    def fail(self, why: str) -> None:
        self.failures += 1
        if len(self.failed) < FAULTS:
            self.failed.append(why)


class _Client(asyncio.Protocol):
    """A connection that sends one request after the other."""

    def __init__(self, clients: Clients, requests: int) -> None:
        self.clients = clients
        self.left = requests
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""
        self.number = -1
        """Of the request that is not answered yet."""
        self.phase = 0
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.left -= 1
        self.number = next(self.clients.numbers)
        self.phase, self.sent_at = self.clients.phase, time.perf_counter()
        _, body = self.clients.bodies[self.number % len(self.clients.bodies)]
        close = b"" if self.left else b"Connection: close\r\n"
        self.transport.write(
            b"POST /v1/authorize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"X-Request-ID: %d\r\n%sContent-Length: %d\r\n\r\n%s"
            % (self.number, close, len(body), body)
        )

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self.received = b""
        fields = head.lower().split(b"\r\n")
        self._check(fields, body)
        if self.left and b"connection: close" not in fields:
            self._send()
        else:
            self.transport.close()

    def _check(self, fields: Sequence[bytes], body: bytes) -> None:
        clients, number, self.number = self.clients, self.number, -1
        if fields[0] != b"http/1.1 200 ok":
            return clients.fail(f"{fields[0].decode()}: {body[:200].decode()}")
        if b"x-request-id: %d" % number not in fields:
            return clients.fail("the response to another request")
        said = json.loads(body)
        clients.answered += 1
        clients.tenths[int((time.perf_counter() - self.sent_at) * 10_000)] += 1
        name, _ = clients.bodies[number % len(clients.bodies)]
        revision, decision = said["revisions"]["policy"], said["decision"]
        seen = Seen(self.phase, clients.phase, name, revision, decision)
        clients.decisions[seen] += 1
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self.number >= 0:
            self.clients.fail(f"closed without a response: {exc or 'end of file'}")
        self.closed.set_result(None)


def reply(said: object) -> None:
    """Write a line of JSON."""
    sys.stdout.write(f"{json.dumps(said)}\n")
    sys.stdout.flush()


def main() -> None:
    """Read what to do as a line of JSON, send until told to stop, and write what was seen."""
    said = json.loads(sys.stdin.readline())
    clients = Clients(said["port"], said["requests"])
    asyncio.run(clients.run(said["connections"]))
    reply(
        {
            "answered": clients.answered,
            "connections": clients.connections,
            "failures": clients.failures,
            "failed": clients.failed,
            "tenths": clients.tenths,
            "decisions": [[*seen, number] for seen, number in clients.decisions.items()],
        }
    )


if __name__ == "__main__":
    main()
