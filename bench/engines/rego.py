"""regopy: the policy compiled to a bundle once, the facts as its data."""

from __future__ import annotations

import json
from datetime import datetime

from regopy import Interpreter

from bench.facts import LEAST_COMMITMENT, ROLE_TABLE, Facts

MODULE = f"""
package sharing

default allow := false

allow if {{
  data.accounts[input.account].owner == input.user
  data.table.owner[input.action]
}}

allow if {{
  role := data.roles[input.account][input.user]
  data.table[role][input.action]
  account := data.accounts[input.account]
  account.plan == "committed"
  account.commitment >= {LEAST_COMMITMENT}
  account.contract == "annual"
  account.ends > input.now
}}
"""


class Rego:
    """An interpreter with a compiled query. Instants are seconds."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self._now = now.timestamp()
        building = Interpreter()
        building.add_module("sharing.rego", MODULE)
        building.add_data_json(json.dumps(_data(facts)))
        self._bundle = building.build(None, ["sharing/allow"])
        self._interpreter = Interpreter()

    def allows(self, user: str, action: str, account: str) -> bool:
        """Tell whether the user may do this in the account."""
        asked = {"user": user, "action": action, "account": account, "now": self._now}
        self._interpreter.set_input(asked)
        output = self._interpreter.query_bundle_entrypoint(self._bundle, "sharing/allow")
        return bool(output.results[0].expressions[0])


def _data(facts: Facts) -> dict[str, object]:
    return {
        "accounts": {
            account: {
                "owner": found.owner,
                "plan": found.plan,
                "commitment": found.commitment,
                "contract": found.contract,
                **({"ends": found.ends.timestamp()} if found.ends else {}),
            }
            for account, found in facts.accounts.items()
        },
        "roles": facts.roles,
        "table": {role: dict.fromkeys(actions, True) for role, actions in ROLE_TABLE.items()},
    }


create = Rego
