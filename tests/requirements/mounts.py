"""Mounts and questions made by chance, near the boundaries of the requirements."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random

from tests.requirements.rules import ACTIONS, NO_ADDRESS, Question, Row, Rules, canonical

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
MOMENTS = [NOW - timedelta(microseconds=1), NOW, NOW + timedelta(microseconds=1)]
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))

ROLES = ["admin", "developer", "finance_analyst", "support"]
ADDRESSES = [
    "guest@partner.example",
    "GUEST@Partner.Example",
    "cy@bücher.example",
    "Cy@XN--Bcher-kva.example",
    "zoe@gmail.com",
    "zoe@mail.Yahoo.FR",
    "zoe@notgmail.com",
]
ODD = ["c..y@docomo.example", "C..Y@docomo.example", "cy.@docomo.example", "root@localhost"]
"""Addresses that a mount may hold, and nobody may propose."""


def tables(random: Random) -> dict[str, list[Row]]:
    """Return the rows of a mount, by table."""
    accounts = [f"a{number}" for number in range(5)]
    users = [f"u{number}" for number in range(8)]
    memberships: list[Row] = []
    for account in accounts:
        for user in users:
            statuses = ["removed"] * random.choice([0, 0, 0, 1, 2])
            statuses += ["active"] * (random.random() < 0.5)
            random.shuffle(statuses)
            memberships += [
                {"account": account, "user": user, "role": random.choice(ROLES), "status": status}
                for status in statuses
            ]
    random.shuffle(memberships)
    return {
        "users": [_user(random, user, accounts) for user in users],
        "accounts": [_account(random, account, users[:4]) for account in accounts],
        "memberships": memberships,
        "invitations": [_invitation(random, f"i{number}", accounts) for number in range(25)],
    }


def write(rows: dict[str, list[Row]], directory: Path) -> None:
    """Write a mount; JSON in a line is YAML too."""
    directory.mkdir()
    for table, each in rows.items():
        text = "".join(f"- {json.dumps(row, ensure_ascii=False)}\n" for row in each) or "[]\n"
        (directory / f"{table}.yaml").write_text(text)


def question(random: Random, rules: Rules) -> Question:
    """Return a question; every other one is of somebody to whom it may be granted."""
    kind = random.choice(["account", "membership", "invitation", "invitation", "number"])
    account = random.choice([*rules.accounts] * 2 + ["gone"])
    said: Row = {}
    if kind == "account":
        id_text, actions = account, rules.actions_on_accounts()
        if account == "gone":
            actions = ["create", *actions]
    elif kind == "membership":
        id_text, actions = f"{account}/{random.choice([*rules.users, 'zoe'])}", ACTIONS[kind]
    elif kind == "number":
        id_text, actions = "n-1", ACTIONS[kind]
        said = {"account": account}
    else:
        id_text = random.choice(["new", *rules.invitations])
        if random.random() < 0.5:
            id_text = "new"
        actions = ["create"] if id_text == "new" and random.random() < 0.8 else ACTIONS[kind]
        if id_text == "new" or random.random() < 0.2:
            said = _proposal(random, account)
    action = random.choice(actions * 9 + ["sing"])
    subject = random.choice([*rules.users] * 2 + ["zoe"])
    if random.random() < 0.5:
        subject = _entitled(rules, action, account, id_text) or subject
    return Question(
        user=subject,
        action=action,
        type=kind,
        id=id_text,
        said=said,
        role=random.choice([None, "owner", "", *ROLES * 3]),
        via_proxy=random.random() < 0.1,
    )


def _entitled(rules: Rules, action: str, account: str, id_text: str) -> str | None:
    """Return the invitee where an invitation is to be accepted, else the owner; None for nobody."""
    invitation = rules.invitations.get(id_text)
    if invitation is not None:
        if action == "accept":
            address = canonical(invitation["email"])
            users = rules.users.values()
            found = (row["id"] for row in users if canonical(row["email"]) == address)
            return next(found, None)
        account = invitation["account"]
    return rules.accounts[account]["owner"] if account in rules.accounts else None


def _instant(random: Random) -> str:
    near = [*MOMENTS, *[NOW + timedelta(days=30)] * 6, NOW - timedelta(days=30)]
    return random.choice(near).astimezone(random.choice([UTC, ELSEWHERE])).isoformat()


def _user(random: Random, user: str, accounts: list[str]) -> Row:
    address = random.choice([f"{user}@work.example", f"{user.upper()}@Work.example"])
    row = {"id": user, "email": random.choice([address, random.choice(ADDRESSES + ODD)])}
    if random.random() < 0.6:
        row["default_account"] = random.choice([*accounts, "gone"])
    return row


def _account(random: Random, account: str, owners: list[str]) -> Row:
    row = {
        "id": account,
        "owner": random.choice(owners),
        "plan": random.choice(["committed"] * 7 + ["pay_as_you_go"]),
        "monthly_commitment": random.choice(["749.99", "750", "750.00", "750.01", "5000"]),
        "contract": random.choice(["annual"] * 7 + ["monthly", "none"]),
    }
    if random.random() < 0.9:
        row["contract_ends"] = _instant(random)
    return row


def _invitation(random: Random, id_text: str, accounts: list[str]) -> Row:
    row = {
        "id": id_text,
        "account": random.choice(accounts),
        "email": random.choice([*ADDRESSES, *ODD, "u1@work.example", "U2@WORK.example"]),
        "role": random.choice(ROLES),
        "status": random.choice(["pending"] * 5 + ["accepted", "revoked"]),
    }
    if random.random() < 0.6:
        row["expires_at"] = _instant(random)
    return row


def _proposal(random: Random, account: str) -> Row:
    said = {
        "account": account,
        "email": random.choice([*ADDRESSES * 2, "u1@work.example", "new@p.example", *NO_ADDRESS]),
        "role": random.choice([*ROLES * 3, "owner", "ADMIN", ""]),
    }
    return {name: value for name, value in said.items() if random.random() < 0.97}
