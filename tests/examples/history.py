"""The events of a team, judged one by one from the requirements, without the sidecar.

Events have the order in which the changes were made, so that the state before each is known. It is
written from the requirements (R3 to R12), and imports nothing of the service or of the sidecar.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

ASSIGNABLE = {"admin", "developer", "finance_analyst", "support"}


@dataclass(frozen=True)
class Event:
    person: str
    action: str
    resource: str
    role: str | None


@dataclass
class Team:
    """A team as its events leave it."""

    emails: Mapping[str, str]
    """The address of each person."""
    invited: Mapping[str, str]
    """The address of each invitation."""
    plans: Iterator[bool]
    """Whether the plan holds after each change of it."""
    owner: str = ""
    has_plan: bool = False
    members: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    """The role that each open invitation offers."""
    removed: Counter[str] = field(default_factory=Counter)

    def apply(self, event: Event) -> bool:
        """Take an event in; return whether the requirements allow it in the state before it."""
        kind, _, identifier = event.resource.partition(":")
        is_allowed = {
            "account": self._account,
            "membership": self._membership,
            "invitation": self._invitation,
        }[kind](event, identifier)
        self._take(event, kind, identifier)
        return is_allowed

    def _role(self, person: str) -> str | None:
        """Return the role that a person can use."""
        if person == self.owner:
            return "owner"
        return self.members.get(person) if self.has_plan else None

    def _manages(self, person: str) -> bool:
        return self._role(person) in {"owner", "admin"}

    def _account(self, event: Event, _: str) -> bool:
        if event.action == "create":
            return not self.owner
        roles = {"billing.edit": {"owner", "admin", "finance_analyst"}}
        return self._role(event.person) in roles.get(event.action, ())

    def _membership(self, event: Event, identifier: str) -> bool:
        person = identifier.partition("/")[2]
        may = self._manages(event.person) and person in self.members and person != self.owner
        if event.action == "change_role":
            return may and self.has_plan and event.role in ASSIGNABLE
        return may and event.action == "remove"

    def _invitation(self, event: Event, identifier: str) -> bool:
        email = self.invited[identifier]
        if event.action == "create":
            inside = {self.emails[person] for person in (self.owner, *self.members)}
            waiting = {self.invited[each] for each in self.open}
            return (
                self._manages(event.person)
                and self.has_plan
                and event.role in ASSIGNABLE
                and email not in inside | waiting
            )
        if identifier not in self.open:
            return False
        if event.action == "accept":
            return self.has_plan and self.emails[event.person] == email
        if event.action == "revoke":
            return self._manages(event.person)
        is_assignable = event.role in ASSIGNABLE or event.action == "resend"
        return self._manages(event.person) and self.has_plan and is_assignable

    def _take(self, event: Event, kind: str, identifier: str) -> None:
        match kind, event.action:
            case "account", "create":
                self.owner = event.person
            case "account", "billing.edit":
                self.has_plan = next(self.plans)
            case "membership", "change_role":
                self.members[identifier.partition("/")[2]] = str(event.role)
            case "membership", "remove":
                person = identifier.partition("/")[2]
                self.members.pop(person, None)
                self.removed[person] += 1
            case "invitation", "create" | "change_role":
                self.open[identifier] = str(event.role)
            case "invitation", "revoke":
                self.open.pop(identifier, None)
            case "invitation", "accept":
                self.members[event.person] = self.open.pop(identifier, "")
            case _:
                pass  # it changes nothing that others depend on


def forbidden(team: Team, events: Sequence[Event]) -> list[Event]:
    """Return the events that the requirements forbid, and leave the team as it is after all."""
    return [event for event in events if not team.apply(event)]
