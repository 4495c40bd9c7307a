"""cedarpy: policies, schema-less, and all entities parsed once and held."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import cedarpy

from bench.facts import LEAST_COMMITMENT, ROLE_TABLE, Facts

_PLAN_HOLDS = f"""resource.plan == "committed" &&
  resource.commitment >= {round(LEAST_COMMITMENT * 100)} &&
  resource.contract == "annual" &&
  resource has ends && resource.ends > context.now"""


class Cedar:
    """A set of policies and the entities of the world."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self._policies = cedarpy.PolicySet.from_str(_policies())
        self._entities = cedarpy.Entities.from_json_str(json.dumps(_entities(facts)))
        self._context = {"now": _instant(now)}

    def allows(self, user: str, action: str, account: str) -> bool:
        """Tell whether the user may do this in the account."""
        asked = {
            "principal": f'User::"{user}"',
            "action": f'Action::"{action}"',
            "resource": f'Account::"{account}"',
            "context": self._context,
        }
        return bool(cedarpy.is_authorized(asked, self._policies, self._entities).allowed)


def _policies() -> str:
    """Return a policy for each role: members of its group in the account, while the plan holds."""
    policies = []
    for role, actions in ROLE_TABLE.items():
        listed = ", ".join(f'Action::"{action}"' for action in actions)
        condition = (
            "resource.owner == principal"
            if role == "owner"
            else f"principal in resource.{role} &&\n  {_PLAN_HOLDS}"
        )
        policies.append(
            f"permit (principal, action in [{listed}], resource)\nwhen {{ {condition} }};"
        )
    return "\n".join(policies)


def _entities(facts: Facts) -> list[dict[str, Any]]:
    roles = [role for role in ROLE_TABLE if role != "owner"]
    groups = [
        {"uid": _uid("Group", f"{account}/{role}"), "attrs": {}, "parents": []}
        for account in facts.accounts
        for role in roles
    ]
    users = [
        {
            "uid": _uid("User", user),
            "attrs": {},
            "parents": [
                _uid("Group", f"{account}/{members[user]}")
                for account, members in facts.roles.items()
                if user in members
            ],
        }
        for user in facts.users
    ]
    accounts = [
        {
            "uid": _uid("Account", account),
            "attrs": {
                "owner": {"__entity": _uid("User", found.owner)},
                "plan": found.plan,
                "commitment": round(found.commitment * 100),
                "contract": found.contract,
                **({"ends": _instant(found.ends)} if found.ends else {}),
                **{role: {"__entity": _uid("Group", f"{account}/{role}")} for role in roles},
            },
            "parents": [],
        }
        for account, found in facts.accounts.items()
    ]
    return [*groups, *users, *accounts]


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _instant(moment: datetime) -> dict[str, dict[str, str]]:
    written = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"__extn": {"fn": "datetime", "arg": written}}


create = Cedar
