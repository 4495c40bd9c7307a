"""The floor: what somebody would write by hand who never wants to change the policy."""

from __future__ import annotations

from datetime import datetime

from bench.facts import ROLE_TABLE, Facts


class Dictionary:
    """Membership, plan and role table, one look-up each."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self._accounts, self._roles, self._now = dict(facts.accounts), dict(facts.roles), now
        self._table = {role: frozenset(actions) for role, actions in ROLE_TABLE.items()}

    def allows(self, user: str, action: str, account: str) -> bool:
        """Tell whether the user may do this in the account."""
        found = self._accounts.get(account)
        if found is None:
            return False
        if found.owner == user:
            return action in self._table["owner"]
        role = self._roles[account].get(user)
        return role is not None and found.holds(self._now) and action in self._table[role]


create = Dictionary
