"""Ask one question of the hot path again and again, in one process: what `instructions.py` counts.

Run as `hot_loop.py SCENARIO TIMES`; the whole of what a worker does between two system calls.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.forgetting import forget
from sidecar.compiler import load_pack
from sidecar.config.settings import Settings
from sidecar.engine.authorizer import authorize
from sidecar.facts import read_directory
from sidecar.http import Access, create_app, hot
from sidecar.http.tokens import Tokens
from sidecar.model import Reference, Request
from sidecar.reload import Pair, State
from sidecar.server.limits import Limits
from sidecar.server.protocol import HttpProtocol
from sidecar.server.service import Service

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  made up

ANA = {"type": "user", "id": "ana"}
ACME = {"type": "account", "id": "acme"}
ACTIONS = ("numbers.view", "numbers.edit", "cards.view", "billing.edit", "team.manage")

QUESTIONS: dict[str, tuple[str, object]] = {
    "evaluation": (
        "/access/v1/evaluation",
        {
            "subject": ANA,
            "action": {"name": "numbers.edit"},
            "resource": ACME,
            "context": {"via_proxy": False},
        },
    ),
    "authorize": (
        "/v1/authorize",
        {"subject": "user:dora", "action": "billing.view", "resource": "account:acme"},
    ),
    "permissions": ("/v1/permissions", {"subject": "user:dora", "resource": "account:acme"}),
    "batch of 100": (
        "/access/v1/evaluations",
        {
            "subject": ANA,
            "evaluations": [
                {"action": {"name": ACTIONS[number % len(ACTIONS)]}, "resource": ACME}
                for number in range(100)
            ],
        },
    ),
}
NEW = "two new decisions"
"""Two, because the one that was asked last is remembered even by the forgetful."""

SCENARIOS = ("decide", NEW, *QUESTIONS)


class Still:
    """A source of pairs that has one."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def current(self) -> Pair:
        """Return it."""
        return self._pair

    def age(self, _: object) -> float:
        """Return that it is fresh."""
        return 0.0

    def follows(self, _: object, __: str) -> bool:
        """Return that it is the newest."""
        return True

    def state(self) -> State:
        """Return that all is well."""
        return State(self._pair.revisions(), ())


def prepared(scenario: str) -> Callable[[], object]:
    """Return what asks once, after it has been asked some times."""
    policy = load_pack(ROOT / "policies", ROOT / "fixtures")
    pair = Pair(policy, read_directory(policy.schema, ROOT / "fixtures" / "worlds" / "demo"))
    if scenario in {"decide", NEW}:
        asked = [
            Request(
                subject=Reference("user", "dora"),
                action=action,
                resource=Reference("account", "acme"),
            )
            for action in ("numbers.view", "numbers.edit")[: 1 + (scenario == NEW)]
        ]
        if scenario == NEW:
            forget()

        def ask() -> object:
            return [authorize(each, pair.policy, pair.snapshot, NOW) for each in asked]
    else:
        ask = _through_the_server(pair, *QUESTIONS[scenario])
    for _ in range(10):
        ask()
    return ask


def _through_the_server(pair: Pair, path: str, question: object) -> Callable[[], object]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"{TOKEN}\n")
        file.flush()
        tokens = Tokens(Path(file.name))
        tokens.load()
    access = Access(tokens)
    app = create_app(Still(pair), lambda: NOW, access=access)
    service = Service(
        application=app,
        hot=hot(app),
        access=access,
        limits=Limits.from_settings(Settings()),
        threads=1,
        access_log=None,
    )
    service.start(asyncio.new_event_loop())
    transport = _Transport()
    connection = HttpProtocol(service, "", is_tls=False)
    connection.connection_made(transport)
    body = json.dumps(question).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8181\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body

    def ask() -> bytes:
        transport.written = b""
        connection.data_received(request)
        if not transport.written.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"not answered at once: {transport.written!r}")
        return transport.written

    return ask


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it."""
        self.written = bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Likewise."""


def main() -> None:
    """Ask as often as the command line says."""
    ask = prepared(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        ask()


if __name__ == "__main__":
    main()
