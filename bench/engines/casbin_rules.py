"""casbin: roles by account, the role table as its policy, the plan as a function of the matcher."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

import casbin

from bench.facts import ROLE_TABLE, Facts

MODEL = """
[request_definition]
r = user, account, action
[policy_definition]
p = role, action
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = p.action == r.action && g(r.user, p.role, r.account) && (p.role == "owner" || holds(r.account))
"""


class Casbin:
    """An enforcer with everything in memory."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        model = casbin.Enforcer.new_model(text=MODEL)
        self._enforcer = casbin.Enforcer(model)
        self._turn = Lock()
        self._enforcer.add_function("holds", lambda account: facts.accounts[account].holds(now))
        self._enforcer.add_policies(
            [[role, action] for role, actions in ROLE_TABLE.items() for action in actions]
        )
        self._enforcer.add_grouping_policies(
            [[found.owner, "owner", account] for account, found in facts.accounts.items()]
            + [
                [user, role, account]
                for account, roles in facts.roles.items()
                for user, role in roles.items()
            ]
        )

    def allows(self, user: str, action: str, account: str) -> bool:
        """Tell whether the user may do this in the account."""
        # It parses its matcher each time, and Python 3.11 cannot do that in two threads at once
        # ("AST constructor recursion depth mismatch"), nor does its SyncedEnforcer keep them apart.
        with self._turn:
            return bool(self._enforcer.enforce(user, account, action))


create = Casbin
