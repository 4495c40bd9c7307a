"""The questions that everybody is asked, with the answers of the policy."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.facts import ACTIONS
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Reference, Request

ROOT = Path(__file__).resolve().parent.parent
POLICIES, FIXTURES = ROOT / "policies", ROOT / "fixtures"
DEMO = FIXTURES / "worlds" / "demo"


@dataclass(frozen=True, slots=True)
class Question:
    """May this user do this in this account? And the right answer."""

    user: str
    action: str
    account: str
    allowed: bool

    def __str__(self) -> str:
        return f"{self.user} {self.action} {self.account}"


@dataclass(frozen=True, slots=True)
class Oracle:
    """The policy, the demo world and the moment from which right answers come.

    That its answers are Oso's, and those of the policy suites, is what `make test` shows.
    """

    policy: Policy
    snapshot: Snapshot
    now: datetime

    @classmethod
    def of_the_demo(cls, now: datetime) -> Oracle:
        """Compile the shipped pack and read the demo world.

        Raises:
            InvalidDocumentsError: One of them cannot be used.
        """
        policy = load_pack(POLICIES, FIXTURES)
        return cls(policy, read_directory(policy.schema, DEMO), now)

    def allows(self, user: str, action: str, account: str) -> bool:
        """Answer one question."""
        return authorize(
            request(user, action, account), self.policy, self.snapshot, self.now
        ).allowed

    def questions(self, users: Sequence[str], accounts: Sequence[str]) -> tuple[Question, ...]:
        """Return every question about these, with its answer."""
        return tuple(
            Question(user, action, account, self.allows(user, action, account))
            for user in users
            for account in accounts
            for action in ACTIONS
        )


def request(user: str, action: str, account: str) -> Request:
    """Return a question as the core takes it."""
    return Request(
        subject=Reference("user", user), action=action, resource=Reference("account", account)
    )


def sample(questions: Sequence[Question], count: int) -> tuple[Question, ...]:
    """Return as many questions, half of them allowed, the same in each run.

    Most questions of a whole grid are of strangers, and no service is asked mostly by strangers.

    Raises:
        ValueError: There are not enough of either.
    """
    chance = random.Random(1)  # noqa: S311  not for secrets: the same questions in each run
    allowed = [each for each in questions if each.allowed]
    denied = [each for each in questions if not each.allowed]
    chosen = chance.sample(allowed, count // 2) + chance.sample(denied, count - count // 2)
    chance.shuffle(chosen)
    return tuple(chosen)


def batches(
    questions: Sequence[Question], size: int, count: int
) -> tuple[tuple[Question, ...], ...]:
    """Return as many batches of that size, each beginning elsewhere in the questions."""
    return tuple(tuple(_around(questions, start, size)) for start in range(count))


def _around(questions: Sequence[Question], start: int, size: int) -> Iterator[Question]:
    for number in range(size):
        yield questions[(start * 7 + number) % len(questions)]
