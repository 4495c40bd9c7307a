"""People who change one team at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.examples.history import Event, Team, forbidden
from tests.examples.team_service import Person, TeamService

ROLES = ("admin", "admin", "developer", "support")
PASSWORD = "many at one table"  # noqa: S105  of nobody
CONFIRM = {"confirm": ["confirm_irreversible"]}
ROUNDS = 4
GOOD = range(200, 300)
BUSY, ATTEMPTS = 503, 20


@dataclass
class Crowd:
    """An account with its owner, and others who are in its team."""

    service: TeamService
    account: str
    people: dict[str, Person] = field(default_factory=dict)
    plans: list[bool] = field(default_factory=list)
    """The changes of the plan that succeeded, which only the owner makes."""
    made: list[int] = field(default_factory=list)
    """The status of the response to each change."""

    @property
    def owner(self) -> str:
        return f"{self.account}-owner"

    def email(self, person: str) -> str:
        return f"{person}@{self.account}.example"

    def change(self, who: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a change, again while others are sooner all the time."""
        status, answer = self.people[who].send(method, path, body)
        for _ in range(ATTEMPTS):
            if status != BUSY:
                break
            status, answer = self.people[who].send(method, path, body)
        assert status != BUSY, answer
        self.made.append(status)
        return status, answer

    def set_plan(self, amount: str) -> None:
        plan = {"monthly_commitment": amount, "contract": "annual"}
        status, _ = self.change(self.owner, "PUT", f"/accounts/{self.account}/plan", plan)
        assert status == 200
        self.plans.append(float(amount) >= 750)

    def invite(self, who: str, person: str, role: str) -> tuple[int, Any]:
        body = {"email": self.email(person), "role": role}
        return self.change(who, "POST", f"/accounts/{self.account}/invitations", body)

    def gather(self, **roles: str) -> None:
        """Let the owner create the account, and others join it, as ``a_b="admin"`` for `a-b`."""
        self.sign_up(self.owner)
        self.change(self.owner, "POST", "/accounts", {"id": self.account})
        self.set_plan("750.00")
        self.at_once(
            partial(self._join, name.replace("_", "-"), role) for name, role in roles.items()
        )

    def sign_up(self, person: str) -> None:
        """Let somebody sign up who is in no team."""
        self.people[person] = Person(self.service)
        email = self.email(person)
        self.people[person].send("POST", "/sign-ups", {"email": email})
        body = {"token": self.service.token(email), "id": person, "password": PASSWORD}
        assert self.people[person].send("POST", "/sign-ups/confirm", body)[0] == 201

    def remove(self, who: str, person: str) -> tuple[int, Any]:
        return self.change(who, "DELETE", f"/accounts/{self.account}/members/{person}", CONFIRM)

    def _join(self, person: str, role: str) -> None:
        self.people[person] = Person(self.service)
        assert self.invite(self.owner, person, role)[0] == 201
        token = self.service.token(self.email(person))
        body = {"token": token, "id": person, "password": PASSWORD}
        assert self.change(person, "POST", "/invitations/sign-up", body)[0] == 200

    def at_once(self, actions: Iterable[Callable[[], Any]]) -> list[Any]:
        """Begin all actions at one moment; return their results."""
        chosen = list(actions)
        if not chosen:
            return []
        together = threading.Barrier(len(chosen))

        def run(action: Callable[[], Any]) -> Any:  # noqa: ANN401  of any action
            together.wait()
            return action()

        with ThreadPoolExecutor(len(chosen)) as pool:
            return list(pool.map(run, chosen))

    def quarrel(self, seed: int) -> None:
        """Let everybody change what they can, and try what they cannot."""
        self.at_once(
            partial(self._act, who, Random(f"{seed} {who}"))  # noqa: S311  a test's dice
            for who in self.people
        )

    def _act(self, who: str, dice: Random) -> None:
        for _ in range(ROUNDS):
            other, role = dice.choice([*self.people]), dice.choice([*ROLES, "owner"])
            action = dice.choice(["plan", "join", "role", "role", "invite", "invitation", "remove"])
            if action == "plan" and who == self.owner:
                self.set_plan(dice.choice(["750.00", "749.99"]))
            elif action == "join":
                self._accept(who)
            elif action == "role":
                self.change(
                    who, "PATCH", f"/accounts/{self.account}/members/{other}", {"role": role}
                )
            elif action == "invite":
                self.invite(who, other, role)
            elif action == "invitation":
                self._change_invitation(who, dice)
            elif action == "remove":
                self.remove(who, other)

    def _accept(self, who: str) -> None:
        body = {"token": self.service.token(self.email(who))}
        self.change(who, "POST", "/invitations/accept", body)

    def _change_invitation(self, who: str, dice: Random) -> None:
        known = [identifier for (identifier,) in self._rows("id", "invitations ORDER BY id")]
        path = f"/invitations/{dice.choice(known)}"
        method, path, body = dice.choice(
            [
                ("POST", f"{path}/resend", None),
                ("DELETE", path, None),
                ("PATCH", path, {"role": dice.choice(ROLES)}),
            ]
        )
        self.change(who, method, path, body)

    # --- what must hold -------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """Return the events in their order."""
        rows = self._rows("version, person_id, action, resource, role", "events ORDER BY version")
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        return [Event(*row[1:]) for row in rows]

    def check(self) -> list[Event]:
        """Check that the requirements allow each change, and that the tables are what they made.

        Returns:
            The events.
        """
        events = self.events()
        invitations = self._rows("id, email, role, status", "invitations")
        emails = {person: self.email(person) for person in self.people}
        team = Team(emails, {row[0]: row[1] for row in invitations}, iter(self.plans))
        assert forbidden(team, events) == []
        assert len(events) == sum(status in GOOD for status in self.made)
        members = self._rows("person_id, role, status", "members")
        assert {row[0]: row[1] for row in members if row[2] == "active"} == team.members
        assert Counter(row[0] for row in members if row[2] == "removed") == team.removed
        assert {row[0]: row[2] for row in invitations if row[3] == "pending"} == team.open
        return events

    def _rows(self, columns: str, rest: str) -> list[tuple[Any, ...]]:
        """Return columns of the rows of this account."""
        table, _, order = rest.partition(" ")
        where = f"WHERE account_id = '{self.account}'"
        return self.service.rows(f"SELECT {columns} FROM {table} {where} {order}")  # noqa: S608
