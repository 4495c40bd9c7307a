"""What the policy of the soak says of each version of the facts; it imports nothing of the sidecar.

Written from what the pack is meant to say: members may view, editors and owners may edit, owners
may delete. Nobody who is banned may do anything with a team, a frozen team is neither edited nor
deleted, and a team without an owner is not edited.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

USERS = [f"u{number}" for number in range(12)]
TEAMS = [f"t{number}" for number in range(5)]
ROLES = ["reader", "editor", "owner"]
ACTIONS = ["view", "edit", "delete"]
BITS = 20
"""Of the number of a version."""


@dataclass
class Facts:
    """One version of the facts."""

    banned: dict[str, bool] = field(default_factory=dict)
    """By user: those that exist."""
    frozen: dict[str, bool] = field(default_factory=dict)
    """By team: those that exist."""
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    """By team and user."""

    def copy(self) -> Facts:
        return Facts(dict(self.banned), dict(self.frozen), dict(self.roles))

    def reasons(self, user: str, action: str, team: str) -> set[str]:
        """Return why a user may not do something with a team; nothing if the user may."""
        reasons = set()
        if user not in self.banned:
            reasons.add("unknown_subject")
        if team not in self.frozen:
            reasons.add("unknown_resource")
        if self.banned.get(user):
            reasons.add("banned")
        if action in {"edit", "delete"} and self.frozen.get(team):
            reasons.add("frozen")
        owners = [each for (of, each), role in self.roles.items() if of == team and role == "owner"]
        if action == "edit" and not owners:
            reasons.add("ownerless")
        needed = {"view": ROLES, "edit": ROLES[1:], "delete": ROLES[2:]}[action]
        if not reasons and self.roles.get((team, user)) not in needed:
            reasons.add("not_granted")
        return reasons


def changed(dice: Random, facts: Facts) -> tuple[Facts, list[str]]:
    """Return other facts, and the statements that lead to them."""
    new, statements = facts.copy(), list[str]()
    for _ in range(dice.choice([1, 1, 1, 2, 3, 8])):
        statements += _change(dice, new)
    return new, statements


def _change(dice: Random, facts: Facts) -> list[str]:
    """Change facts by one step; return its statements."""
    user, team = dice.choice(USERS), dice.choice(TEAMS)
    step = dice.choice(
        [*["role"] * 8, "leave", "ban", "ban", "freeze", "freeze", "user", "team", "move"]
    )
    if step in {"role", "leave", "move"} and not {user} <= facts.banned.keys():
        step = "user"
    if step in {"role", "leave", "move", "freeze"} and team not in facts.frozen:
        step = "team"
    if step == "role":
        role = dice.choice(ROLES)
        facts.roles[team, user] = role
        row = f"VALUES ('{team}', '{user}', '{role}')"
        update = f"ON CONFLICT (team, \"user\") DO UPDATE SET role = '{role}'"
        return [f"INSERT INTO memberships {row} {update}"]
    if step == "leave":
        facts.roles.pop((team, user), None)
        return [f"DELETE FROM memberships WHERE team = '{team}' AND \"user\" = '{user}'"]
    if step == "move":  # the key of a row changes
        other = dice.choice(sorted(facts.banned))
        if (team, user) not in facts.roles or (team, other) in facts.roles:
            return []
        facts.roles[team, other] = facts.roles.pop((team, user))
        where = f"team = '{team}' AND \"user\" = '{user}'"
        return [f"UPDATE memberships SET \"user\" = '{other}' WHERE {where}"]
    if step == "ban" and user in facts.banned:
        facts.banned[user] = not facts.banned[user]
        return [f"UPDATE users SET banned = {facts.banned[user]} WHERE id = '{user}'"]
    if step == "freeze":
        facts.frozen[team] = not facts.frozen[team]
        return [f"UPDATE teams SET frozen = {facts.frozen[team]} WHERE id = '{team}'"]
    if step == "team":
        return _toggle(facts, facts.frozen, "team", team)
    return _toggle(facts, facts.banned, "user", user)


def _toggle(facts: Facts, known: dict[str, bool], column: str, name: str) -> list[str]:
    """Create an entity, or delete it with its memberships."""
    if name not in known:
        known[name] = False
        return [f"INSERT INTO {column}s (id) VALUES ('{name}')"]
    del known[name]
    for key in [key for key in facts.roles if name in key]:
        del facts.roles[key]
    return [
        f"DELETE FROM memberships WHERE \"{column}\" = '{name}'",
        f"DELETE FROM {column}s WHERE id = '{name}'",
    ]
