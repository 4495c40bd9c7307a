"""A generated world for the benchmark, held in plain tables, and the requests about it.

The tables also decide: membership, plan and role table are one dictionary look-up each. That is the
``dictionary`` row of the results, and the source of the right answers, independent of the sidecar.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ACCOUNTS = 1_000
MEMBERS = 10
"""Of each account."""

_DEVELOPER = (
    "numbers.view numbers.edit settings.view settings.edit credentials.view credentials.edit "
    "applications.view applications.edit logs.view switch set_default"
)
_FINANCE = (
    "cards.view cards.edit recharges.view recharges.create billing.view billing.edit "
    "pricing.view switch set_default"
)
_SUPPORT = (
    "numbers.view cards.view recharges.view billing.view settings.view settings.edit "
    "applications.view logs.view switch set_default"
)
_TEAM = "team.view team.manage"
ACTIONS = tuple(dict.fromkeys(f"{_DEVELOPER} {_FINANCE} {_SUPPORT} {_TEAM}".split()))

ROLE_TABLE: Mapping[str, frozenset[str]] = {
    "owner": frozenset(ACTIONS),
    "admin": frozenset(ACTIONS),
    "developer": frozenset(_DEVELOPER.split()),
    "finance_analyst": frozenset(_FINANCE.split()),
    "support": frozenset(_SUPPORT.split()),
}
"""Requirements R4, R17 and R18: what a role may do in an account."""

CONTRACT_ENDS = "2099-01-01T00:00:00Z"
PLAN: Mapping[str, object] = {
    "plan": "committed",
    "monthly_commitment": 750.0,
    "contract": "annual",
    "contract_ends": CONTRACT_ENDS,
}
"""A plan that gives the team access (R5)."""
NO_PLAN: Mapping[str, object] = {
    "plan": "pay_as_you_go",
    "monthly_commitment": 0.0,
    "contract": "none",
}


@dataclass(frozen=True, slots=True)
class Question:
    """May this user do this in this account? `allowed` is the right answer."""

    user: str
    action: str
    account: str
    allowed: bool


class World:
    """Accounts, their plans and the roles of their members."""

    def __init__(self, accounts: int = ACCOUNTS) -> None:
        """Generate accounts; every tenth has no plan, so only its owner has access."""
        roles = ("admin", "developer", "finance_analyst", "support")
        self.plans = {
            f"a{number}": NO_PLAN if number % 10 == 0 else PLAN for number in range(accounts)
        }
        self.roles = {
            f"a{number}": {
                f"u{number}": "owner",
                **{
                    f"u{(number + other) % accounts}": roles[other % len(roles)]
                    for other in range(1, MEMBERS + 1)
                },
            }
            for number in range(accounts)
        }

    def allows(self, user: str, action: str, account: str) -> bool:
        """Decide by three look-ups, as a service would that never changes its policy."""
        members = self.roles.get(account)
        role = members.get(user) if members is not None else None
        if role is None or action not in ROLE_TABLE[role]:
            return False
        return role == "owner" or self.plans[account] is PLAN

    def questions(self) -> list[Question]:
        """Return a question for each account, each of its members and one stranger, and action."""
        return [
            Question(user, action, account, self.allows(user, action, account))
            for account, members in self.roles.items()
            for user in (*members, "u-stranger")
            for action in ACTIONS
        ]

    def sample(self, count: int) -> list[Question]:
        """Return as many questions, half of them allowed, the same in each run."""
        chance = random.Random(1)  # noqa: S311  not a secret
        questions = self.questions()
        allowed = [question for question in questions if question.allowed]
        denied = [question for question in questions if not question.allowed]
        sample = chance.sample(allowed, count // 2) + chance.sample(denied, count - count // 2)
        chance.shuffle(sample)
        return sample

    def write(self, directory: Path) -> Path:
        """Write the world as a mount and return its directory."""
        directory.mkdir(parents=True)
        users = dict.fromkeys(user for members in self.roles.values() for user in members)
        rows: Mapping[str, Sequence[str]] = {
            "users": [f"{{id: {user}, email: {user}@bench.example}}" for user in users],
            "accounts": [
                f"{{id: {account}, owner: {next(iter(self.roles[account]))}, {_members(plan)}}}"
                for account, plan in self.plans.items()
            ],
            "memberships": list(self._memberships()),
            "invitations": [],
        }
        for table, lines in rows.items():
            text = "".join(f"- {line}\n" for line in lines) or "[]\n"
            (directory / f"{table}.yaml").write_text(text, encoding="utf-8")
        return directory

    def _memberships(self) -> Iterator[str]:
        for account, members in self.roles.items():
            for user, role in members.items():
                if role != "owner":
                    yield f"{{account: {account}, user: {user}, role: {role}, status: active}}"


def _members(plan: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in plan.items())
