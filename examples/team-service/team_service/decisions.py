"""Changes of teams that the sidecar allows, and that nothing overtakes.

A decision holds for the facts and the moment that it was made of. Between the decision and the
write another request may remove the very person who was allowed. So each change has four steps:

1. read the version of the team, and a position of the database, in one transaction;
2. ask the sidecar for a decision from facts that contain this position;
3. write, if the team still has that version, and count the version up, in one transaction;
4. have the result judged from facts that contain this transaction.

If the version is another one in step 3, begin again. The service does not need to know which facts
the policy reads: no fact of the team differs between decision and write.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sidecar.client import Entity, Question, StrictClient, UnavailableError
from team_service.database import ConflictError, Database, Transaction, instant
from team_service.errors import BusyError, DeniedError

ATTEMPTS = 20
"""Each time another change of the same team was sooner."""
PAUSE_SECONDS = 0.01
"""By how much longer the pause before each attempt may be, so that not all try at once."""


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Decisions:
    """The decisions of the sidecar, and the changes that rest on them."""

    def __init__(self, database: Database, client: StrictClient) -> None:
        self.database = database
        self.client = client

    def require(self, person: str, action: str, resource: str) -> None:
        """Check that a person may do something that changes no team.

        Raises:
            DeniedError: The sidecar denies it.
            UnavailableError: It does not answer.
        """
        decision = self.client.authorize(f"user:{person}", action, resource)
        if not decision:
            raise DeniedError(decision)

    def change(
        self, account: str, question: Question, write: Callable[[Transaction], object]
    ) -> str:
        """Change a team if the sidecar allows it, and return the position of the change.

        Args:
            account: The account whose team it is.
            question: What the sidecar decides, and the event that is recorded.
            write: Writes the change; it may run several times, the last of which counts.

        Raises:
            BusyError: Others were sooner each time.
            DeniedError: The sidecar denies it.
            UnavailableError: It does not answer.
        """
        for attempt in range(ATTEMPTS):
            time.sleep(random.uniform(0, attempt * PAUSE_SECONDS))  # noqa: S311  not a secret
            with self.database.reading() as transaction:
                version = _version(transaction, account)
                position = transaction.position()
            (decision,) = self.client.authorize_all([question], min_revision=position)
            if not decision:
                raise DeniedError(decision)
            try:
                with self.database.writing() as transaction:
                    if version and not _count_up(transaction, account, version):
                        continue
                    write(transaction)
                    _record(transaction, account, version + 1, question)
                    return transaction.position()
            except ConflictError:
                continue  # a constraint has noticed the other change: have it judged
        raise BusyError("Others change this team just now; try again in a moment.")

    def change_row(self, account: str, question: Question, statement: str, *values: object) -> str:
        """Change a team by one statement; see `change`."""
        return self.change(
            account, question, lambda transaction: transaction.run(statement, *values)
        )

    def judged(self, person: str, resource: str, position: str) -> tuple[str, ...] | None:
        """Return what a person may do after the change at a position.

        None if the sidecar does not answer: the change is made all the same.
        """
        try:
            found = self.client.permissions(f"user:{person}", resource, min_revision=position)
        except UnavailableError:
            return None
        return found.actions

    def landing(self, person: str, position: str | None = None) -> str | None:
        """Return the account in which a person lands; None if there is none, or no answer."""
        try:
            found = self.client.search_resources(
                f"user:{person}", "land", "account", limit=1, min_revision=position
            )
        except UnavailableError:
            return None
        return next(iter(found), None)


def _version(transaction: Transaction, account: str) -> int:
    """Return the version of a team; 0 if there is no such account, as before it is created."""
    row = transaction.row("SELECT version FROM team_versions WHERE account_id = %s", account)
    return int(row["version"]) if row else 0


def _count_up(transaction: Transaction, account: str, version: int) -> bool:
    return bool(
        transaction.run(
            "UPDATE team_versions SET version = version + 1 WHERE account_id = %s AND version = %s",
            account,
            version,
        )
    )


def _record(transaction: Transaction, account: str, version: int, question: Question) -> None:
    subject, resource = Entity.of(question.subject), Entity.of(question.resource)
    role = question.action_properties.get("role", resource.properties.get("role"))
    transaction.insert(
        "events",
        account_id=account,
        version=version,
        person_id=subject.id,
        action=question.action,
        resource=f"{resource.type}:{resource.id}",
        role=role,
        happened_at=instant(now()),
    )
