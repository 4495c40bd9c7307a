"""Oso: the shipped policy files themselves, and the demo world as ordinary Python objects."""

from __future__ import annotations

from datetime import datetime

from bench.facts import Facts
from bench.plain_oso import Action, PlainOso, World
from bench.questions import DEMO, FIXTURES, POLICIES


class OsoRules:
    """The whole question as a service would ask it: granted, and not forbidden."""

    def __init__(self, _: Facts, now: datetime) -> None:
        self._oso = PlainOso(POLICIES, FIXTURES, now)
        self._world = World(DEMO).of

    def allows(self, user: str, action: str, account: str) -> bool:
        """Tell whether the user may do this in the account."""
        subject, resource = self._world["user"][user], self._world["account"][account]
        return self._oso.allows(subject, Action(action), resource)


create = OsoRules
