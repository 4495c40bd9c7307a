"""Ask one question of the hot path again and again, in one process: what `instructions.py` counts.

Run as `hot_loop.py SCENARIO TIMES`; the whole of what a worker does between two system calls.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gunicorn.config import Config

from bench.forgetting import forget
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.facts import read_directory
from sidecar.http import Access, create_app, hot
from sidecar.http.tokens import Tokens
from sidecar.model import Reference, Request
from sidecar.reload import Pair, State
from sidecar.server.bounds import Bounds
from sidecar.server.front import Front

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
        ask = _through_the_front(pair, *QUESTIONS[scenario])
    for _ in range(10):
        ask()
    return ask


def _through_the_front(pair: Pair, path: str, question: object) -> Callable[[], object]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"{TOKEN}\n")
        file.flush()
        tokens = Tokens(Path(file.name))
        tokens.load()
    app = create_app(Still(pair), lambda: NOW, access=Access(tokens))
    bounds = Bounds(
        max_head_bytes=16 * 1024,
        max_body_bytes=64 * 1024,
        max_connections=500,
        max_waiting=256,
        transfer_seconds=5.0,
        request_seconds=10.0,
        idle_seconds=75.0,
    )
    front = Front(hot(app), Config(), bounds)
    body = json.dumps(question).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8181\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    said = head.encode() + body

    def ask() -> bytes:
        parts = front.parts(said)
        told = parts and front.answer_here(*parts, NOW)
        if not parts or not told or told.status != 200:
            raise SystemExit(f"not answered by the front: {told}")
        return front.written(told, keep=True)

    return ask


def main() -> None:
    """Ask as often as the command line says."""
    ask = prepared(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        ask()


if __name__ == "__main__":
    main()
