"""R1 to R20, written directly from the text of the requirements.

It shares nothing with the product: no Polar, no schema, no reading of facts. Policy and suites had
one cell of the role matrix wrong together, because one reading stood behind both.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tests.paths import TESTS

Row = Mapping[str, str]

ASSIGNABLE = {"admin", "developer", "finance_analyst", "support"}
ACTIONS = {
    "membership": ["change_role", "remove", "restore"],
    "invitation": ["create", "resend", "revoke", "accept", "change_role"],
    "number": ["view", "edit"],
}
PERSONAL = {"gmail.com", "yahoo.fr", "qq.com"}
"""The personal providers among the addresses of `mounts`."""
NO_ADDRESS = {"", "guest", "@partner.example", "a..b@partner.example", "a b@partner.example", "a@b"}
"""What `mounts` proposes and is no e-mail address."""

with (TESTS / "role_matrix.csv").open(newline="") as _file:
    MATRIX = {row["permission"]: row for row in csv.DictReader(_file)}


@dataclass(frozen=True)
class Question:
    user: str
    action: str
    type: str
    id: str
    said: Row = field(default_factory=dict)
    """Properties of the resource."""
    role: str | None = None
    """The property of the action."""
    via_proxy: bool = False


@dataclass(frozen=True)
class Answer:
    allowed: bool
    reasons: frozenset[str] = frozenset()
    obligations: frozenset[str] = frozenset()


def canonical(address: str) -> str:
    return address.lower().replace("bücher", "xn--bcher-kva")


def is_personal(address: str) -> bool:
    domain = canonical(address).rpartition("@")[2]
    return any(domain == each or domain.endswith("." + each) for each in PERSONAL)


def is_nonsense(question: Question) -> bool:
    """R20: a declared property is outside its domain, though the mount may hold it as well."""
    said = question.said
    return question.type == "invitation" and (
        said.get("account") == ""
        or said.get("email") in NO_ADDRESS
        or not ASSIGNABLE.issuperset({said["role"]} if "role" in said else ())
    )


class Rules:
    """What the requirements say about one mount."""

    def __init__(
        self,
        users: Iterable[Row],
        accounts: Iterable[Row],
        memberships: Iterable[Row],
        invitations: Iterable[Row],
    ) -> None:
        self.users = {row["id"]: row for row in users}
        self.accounts = {row["id"]: row for row in accounts}
        self.memberships = list(memberships)
        self.invitations = {row["id"]: row for row in invitations}

    def answer(self, question: Question, now: datetime) -> Answer:
        """R20: granted, and nothing against it; all that is against it is told."""
        granted, against = {
            "account": self._account,
            "membership": self._membership,
            "invitation": self._invitation,
            "number": self._number,
        }[question.type](question, now)
        if question.user not in self.users:
            against.add("unknown_subject")
        known = question.action in (
            self.actions_on_accounts() if question.type == "account" else ACTIONS[question.type]
        )
        if not known:
            against.add("unknown_action")
        exists = self.exists(question)
        creates = known and question.action == "create"
        if exists and creates:
            against.add("already_exists")
        if not exists and not creates:
            against.add("unknown_resource")
        if not granted or against or is_nonsense(question):
            return Answer(allowed=False, reasons=frozenset(against or {"not_granted"}))
        removes = (question.type, question.action) == ("membership", "remove")
        return Answer(
            allowed=True, obligations=frozenset({"confirm_irreversible"} if removes else ())
        )

    def exists(self, question: Question) -> bool:
        if question.type == "membership":
            account, _, user = question.id.partition("/")
            return self._owns(user, account) or self._rows(user, account) != []
        rows = {"account": self.accounts, "invitation": self.invitations}.get(question.type)
        return rows is None or question.id in rows

    @staticmethod
    def actions_on_accounts() -> list[str]:
        return [*MATRIX, "land", "create", "transfer"]

    def plan_holds(self, account: str, now: datetime) -> bool:
        """R5."""
        row = self.accounts[account]
        return (
            row["plan"] == "committed"
            and Decimal(row["monthly_commitment"]) >= Decimal("750.00")
            and row["contract"] == "annual"
            and "contract_ends" in row
            and now < datetime.fromisoformat(row["contract_ends"])
        )

    def roles(self, user: str, account: str, now: datetime) -> set[str]:
        """R2, R5, R8, R19."""
        if user not in self.users or account not in self.accounts:
            return set()
        roles = {"owner"} if self._owns(user, account) else set()
        if self.plan_holds(account, now):
            roles |= {row["role"] for row in self._active(user, account)}
        return roles

    def _owns(self, user: str, account: str) -> bool:
        return account in self.accounts and self.accounts[account]["owner"] == user

    def _rows(self, user: str, account: str) -> list[Row]:
        return [row for row in self.memberships if (row["account"], row["user"]) == (account, user)]

    def _active(self, user: str, account: str) -> list[Row]:
        return [row for row in self._rows(user, account) if row["status"] == "active"]

    def _manages(self, user: str, account: str, now: datetime) -> bool:
        return not self.roles(user, account, now).isdisjoint({"owner", "admin"})

    def _shut_out(self, user: str, account: str, now: datetime) -> bool:
        """R5: a member, who is not the owner, while the plan does not hold."""
        return (
            user in self.users
            and self._active(user, account) != []
            and not self._owns(user, account)
            and not self.plan_holds(account, now)
        )

    def _without_plan(self, account: str, now: datetime) -> bool:
        return account in self.accounts and not self.plan_holds(account, now)

    def _lands(self, user: str, account: str, now: datetime) -> bool:
        """R18."""
        if user not in self.users:
            return False
        default = self.users[user].get("default_account", "")
        if self.roles(user, default, now):
            return account == default
        owned = [each for each in self.accounts if self._owns(user, each)]
        return account in owned if owned else bool(self.roles(user, account, now))

    def _account(self, question: Question, now: datetime) -> tuple[bool, set[str]]:
        user, account, action = question.user, question.id, question.action
        against = set()
        if action == "transfer":
            against.add("owner_is_fixed")
        if action != "create" and self._shut_out(user, account, now):
            against.add("plan_required")
        if action in {"create", "transfer"}:
            granted = action == "create"
        elif action == "land":
            granted = self._lands(user, account, now)
        else:
            granted = self._in_matrix(question, action, account, now)
        return granted, against

    def _in_matrix(self, question: Question, permission: str, account: str, now: datetime) -> bool:
        """R4."""
        cells = MATRIX.get(permission, {})
        return any(cells.get(role) == "yes" for role in self.roles(question.user, account, now))

    def _number(self, question: Question, now: datetime) -> tuple[bool, set[str]]:
        account = question.said.get("account", "")
        shut_out = self._shut_out(question.user, account, now)
        granted = self._in_matrix(question, f"numbers.{question.action}", account, now)
        return granted, {"plan_required"} if shut_out else set()

    def _membership(self, question: Question, now: datetime) -> tuple[bool, set[str]]:
        account, _, user = question.id.partition("/")
        changes = question.action == "change_role"
        against = set()
        if self._owns(user, account):
            against.add("owner_is_fixed")
        removed = self._rows(user, account) != [] and self._active(user, account) == []
        if question.action == "restore" or removed:
            against.add("irreversible")
        if changes and question.role not in ASSIGNABLE:
            against.add("role_not_assignable")
        if (
            self._without_plan(account, now)
            if changes
            else self._shut_out(question.user, account, now)
        ):
            against.add("plan_required")
        granted = question.action in {"change_role", "remove"}
        return granted and self._manages(question.user, account, now), against

    def _invitation(self, question: Question, now: datetime) -> tuple[bool, set[str]]:
        action, user = question.action, question.user
        stored = self.invitations.get(question.id)
        row = question.said if stored is None else stored
        account = row.get("account", "")
        against = set()
        if (
            self._without_plan(account, now)
            if action in {"create", "resend", "accept", "change_role"}
            else action == "revoke" and self._shut_out(user, account, now)
        ):
            against.add("plan_required")
        if action == "change_role" and question.role not in ASSIGNABLE:
            against.add("role_not_assignable")
        if stored is not None:
            against |= self._closed(action, stored, now)
        if action == "create":
            against |= self._keeps_from_inviting(question, row, now, proposed=stored is None)
        if action != "accept":
            granted = action in ACTIONS["invitation"] and self._manages(user, account, now)
            return granted, against
        if user not in self.users:
            against.add("sign_up_required")
        elif stored is not None:
            if canonical(self.users[user]["email"]) == canonical(stored["email"]):
                return True, against
            against.add("not_the_invitee")
        return False, against

    @staticmethod
    def _closed(action: str, invitation: Row, now: datetime) -> set[str]:
        """R7, R10 to R13."""
        against = set()
        if action != "create" and action in ACTIONS["invitation"]:
            against = set() if invitation["status"] == "pending" else {"not_pending"}
        if action in {"resend", "accept"} and not holds(invitation, now):
            against.add("expired")
        return against

    def _keeps_from_inviting(
        self, question: Question, row: Row, now: datetime, *, proposed: bool
    ) -> set[str]:
        """R9."""
        against = set()
        if row.get("role") not in ASSIGNABLE:
            against.add("role_not_assignable")
        if question.via_proxy:
            against.add("via_proxy")
        if proposed and row.get("email", "") in NO_ADDRESS:
            return against | {"invalid_email"}
        address, account = canonical(row["email"]), row.get("account", "")
        if is_personal(address):
            against.add("personal_email")
        for user in self.users.values():
            inside = self._owns(user["id"], account) or self._active(user["id"], account)
            if inside and canonical(user["email"]) == address:
                against.add("already_member")
        for other in self.invitations.values():
            if (
                (other["account"], canonical(other["email"])) == (account, address)
                and other["status"] == "pending"
                and holds(other, now)
            ):
                against.add("already_invited")
        return against


def holds(invitation: Row, now: datetime) -> bool:
    """R13."""
    ends = invitation.get("expires_at")
    return ends is None or now < datetime.fromisoformat(ends)
