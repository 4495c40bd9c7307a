"""The facts of a world as peers hold them: plain tables, read without the sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

LEAST_COMMITMENT = 750.0
"""R5, in USD a month; the answers of each peer are compared before it is timed."""

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
    "applications.view switch set_default"
)
_TEAM = "team.view team.manage"
_ALL = tuple(dict.fromkeys(f"{_DEVELOPER} {_FINANCE} {_SUPPORT} {_TEAM}".split()))

ROLE_TABLE: Mapping[str, tuple[str, ...]] = {
    "owner": _ALL,
    "admin": _ALL,
    "developer": tuple(_DEVELOPER.split()),
    "finance_analyst": tuple(_FINANCE.split()),
    "support": tuple(_SUPPORT.split()),
}
"""R4, R17 and R18 as each peer's policy says them: what a role may do in an account."""

ACTIONS = _ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the plan gate looks at, and the owner."""

    owner: str
    plan: str
    commitment: float
    contract: str
    ends: datetime | None

    def holds(self, now: datetime) -> bool:
        """Tell whether the plan gives others than the owner access (R5)."""
        return (
            self.plan == "committed"
            and self.commitment >= LEAST_COMMITMENT
            and self.contract == "annual"
            and self.ends is not None
            and self.ends > now
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Who there is, what is shared, and the roles of active members by account and user."""

    users: tuple[str, ...]
    accounts: Mapping[str, Account]
    roles: Mapping[str, Mapping[str, str]]

    def role(self, user: str, account: str) -> str | None:
        """Return the role that a caller would look up before it asks: the owner's first."""
        if self.accounts[account].owner == user:
            return "owner"
        return self.roles[account].get(user)


def read_facts(world: Path) -> Facts:
    """Read a world's directory.

    Raises:
        OSError: A file cannot be read.
        KeyError: A row lacks a member.
    """
    accounts = {row["id"]: _account(row) for row in _rows(world, "accounts")}
    roles: dict[str, dict[str, str]] = {account: {} for account in accounts}
    for row in _rows(world, "memberships"):
        if row["status"] == "active":
            roles[row["account"]][row["user"]] = row["role"]
    users = tuple(row["id"] for row in _rows(world, "users"))
    return Facts(users=users, accounts=accounts, roles=roles)


def _account(row: Mapping[str, Any]) -> Account:
    return Account(
        owner=row["owner"],
        plan=row["plan"],
        commitment=float(row["monthly_commitment"]),
        contract=row["contract"],
        ends=row.get("contract_ends"),
    )


def _rows(world: Path, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((world / f"{table}.yaml").read_text("utf-8"))
    return rows
