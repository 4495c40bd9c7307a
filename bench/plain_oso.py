"""The shipped policy under plain Oso, with the demo world as ordinary Python objects.

This is what a service that embeds Oso would write by hand: a class for each type, attributes and
look-ups as the schema declares them. An absent value is an object of its own, because in plain Oso
two `None` unify; comparisons of it are false. Amounts are floats and instants are datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import yaml
from oso import Oso, Variable

ENTRY = (
    "allow(user: User, action: Action, resource) if\n  has_permission(user, action.name, resource);"
)
ENTRY_OF_NAMES = "allow(user: User, action, resource) if\n  has_permission(user, action, resource);"
"""`authorized_actions` binds the action itself, so there it must be a name and not an object."""


class Absent:
    """What is not there: equal to nothing, ordered with nothing, and so is all that it has."""

    exists = False
    __hash__ = object.__hash__

    def __eq__(self, _: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        return self


ABSENT = Absent()


class Text(str):
    """A word that can be asked whether it is there."""

    __slots__ = ()
    exists = True


@dataclass(frozen=True)
class Email:
    """An address, compared without regard to case."""

    address: str
    exists: bool = True

    @property
    def domain(self) -> str:
        """What follows the @."""
        return self.address.partition("@")[2]


@dataclass(eq=False)
class User:
    """A person."""

    id: str
    email: Email | Absent = ABSENT
    default_account: Account | Absent = ABSENT
    owned_account: Account | Absent = ABSENT
    exists: bool = True


@dataclass(eq=False)
class Account:
    """What is shared."""

    id: str
    owner: User | Absent = ABSENT
    plan: str | Absent = ABSENT
    monthly_commitment: float | Absent = ABSENT
    contract: str | Absent = ABSENT
    contract_ends: datetime | Absent = ABSENT
    exists: bool = True
    members: dict[str, Membership] = field(default_factory=dict)

    def membership(self, user: User) -> Membership | Absent:
        """Find a user's membership."""
        return self.members.get(user.id, ABSENT)


@dataclass(eq=False)
class Membership:
    """One user's role in one account."""

    account: Account
    user: User
    role: str
    status: str
    exists: bool = True


@dataclass(eq=False)
class Invitation:
    """An offer of a role."""

    id: str
    account: Account
    email: Email
    role: str
    status: str
    expires_at: datetime | Absent = ABSENT
    exists: bool = True


@dataclass(frozen=True)
class Action:
    """What is asked to be done."""

    name: str
    role: str | Absent = ABSENT


@dataclass(frozen=True)
class Context:
    """The request's surroundings."""

    now: datetime
    via_proxy: bool = False


class Settings:
    """The numbers and lists of the pack."""

    def __init__(self, fixtures: Path) -> None:
        for path in sorted(fixtures.glob("*settings.yaml")):
            for name, value in yaml.safe_load(path.read_text()).items():
                setattr(self, name, value)
        self.personal_email_domains = Domains(self.personal_email_domains)


class Domains(frozenset[str]):
    """Domains, each with its subdomains."""

    def includes(self, domain: str) -> bool:
        """Tell whether a domain, or one above it, is among these."""
        labels = domain.split(".")
        return any(".".join(labels[start:]) in self for start in range(len(labels)))


class World:
    """The objects of a world, by type and id."""

    def __init__(self, directory: Path) -> None:
        rows = {path.stem: yaml.safe_load(path.read_text()) for path in directory.glob("*.yaml")}
        users = {row["id"]: User(row["id"], Email(row["email"].lower())) for row in rows["users"]}
        accounts = {row["id"]: _account(row, users) for row in rows["accounts"]}
        for row in rows["users"]:
            if row.get("default_account") in accounts:
                users[row["id"]].default_account = accounts[row["default_account"]]
        memberships = {}
        for row in rows["memberships"]:
            account, user = accounts[row["account"]], users[row["user"]]
            before = account.members.get(user.id)
            if before is None or before.status != "active":
                account.members[user.id] = Membership(account, user, row["role"], row["status"])
                memberships[f"{account.id}/{user.id}"] = account.members[user.id]
        invitations = {row["id"]: _invitation(row, accounts) for row in rows["invitations"]}
        self.of: Mapping[str, Mapping[str, object]] = {
            "user": users,
            "account": accounts,
            "membership": memberships,
            "invitation": invitations,
        }


class PlainOso:
    """Oso with the shipped policy, asked as its documentation shows."""

    def __init__(self, policies: Path, fixtures: Path, now: datetime) -> None:
        text = "\n".join(path.read_text() for path in sorted(policies.glob("*.polar")))
        self.objects = self._load(text, fixtures, now)
        if ENTRY not in text:
            raise ValueError("main.polar has another entry point; change `ENTRY`")
        self.names = self._load(text.replace(ENTRY, ENTRY_OF_NAMES), fixtures, now)

    @staticmethod
    def _load(text: str, fixtures: Path, now: datetime) -> Oso:
        oso = Oso()
        for registered in (User, Account, Membership, Invitation, Number, Action):
            oso.register_class(registered)
        oso.register_constant(Context(now), "context")
        oso.register_constant(Settings(fixtures), "settings")
        oso.load_str(text)
        return oso

    def allows(self, subject: object, action: Action, resource: object) -> bool:
        """Answer the whole question, forbids included: what the compiled decision answers."""
        return self.objects.is_allowed(subject, action, resource) and not self.forbids(
            subject, action, resource
        )

    def forbids(self, subject: object, action: Action, resource: object) -> bool:
        """Tell whether any reason holds."""
        reasons = self.objects.query_rule("forbid", subject, action, resource, Variable("reason"))
        return next(reasons, None) is not None


@dataclass(eq=False)
class Number:
    """A phone number: here for its rules to load."""

    id: str
    account: Account
    exists: bool = True


def _account(row: Mapping[str, object], users: Mapping[str, User]) -> Account:
    owner = users[str(row["owner"])]
    account = Account(
        str(row["id"]),
        owner,
        str(row["plan"]),
        float(str(row["monthly_commitment"])),
        str(row["contract"]),
        row.get("contract_ends", ABSENT),
    )
    if owner.owned_account is ABSENT:
        owner.owned_account = account
    return account


def _invitation(row: Mapping[str, object], accounts: Mapping[str, Account]) -> Invitation:
    return Invitation(
        str(row["id"]),
        accounts[str(row["account"])],
        Email(str(row["email"]).lower()),
        str(row["role"]),
        str(row["status"]),
        row.get("expires_at", ABSENT),
    )
