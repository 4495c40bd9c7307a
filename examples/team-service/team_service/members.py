"""The team of an account, and its members."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from sidecar.client import Question
from team_service import inputs
from team_service.decisions import Decisions
from team_service.people import signed_in

CONFIRMED_HERE = frozenset({"confirm_irreversible"})
"""The obligations that this service can fulfil: it asks the person, who repeats their code."""


class Members:
    """The views of a team."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    def show(self, account: str) -> ResponseReturnValue:
        """Show the members and the invitations that are open."""
        self._decisions.require(signed_in(), "team.view", f"account:{account}")
        with self._decisions.database.reading() as transaction:
            (owner,) = transaction.rows("SELECT owner_id FROM accounts WHERE id = %s", account)
            members = transaction.rows(
                "SELECT person_id AS person, role FROM members"
                " WHERE account_id = %s AND status = 'active' ORDER BY person_id",
                account,
            )
            invitations = transaction.rows(
                "SELECT id, email, role, expires_at FROM invitations"
                " WHERE account_id = %s AND status = 'pending' ORDER BY email",
                account,
            )
        return {
            "account": account,
            "owner": owner["owner_id"],
            "members": members,
            "invitations": invitations,
        }

    def change_role(self, account: str, person: str) -> ResponseReturnValue:
        """Give a member another role."""
        role = inputs.text("role", "")
        question = Question(
            subject=f"user:{signed_in()}",
            action="change_role",
            resource=f"membership:{account}/{person}",
            action_properties={"role": role},
        )
        position = self._decisions.change_row(
            account,
            question,
            "UPDATE members SET role = %s"
            " WHERE account_id = %s AND person_id = %s AND status = 'active'",
            role,
            account,
            person,
        )
        return self._judged(account, person, position, role=role)

    def remove(self, account: str, person: str) -> ResponseReturnValue:
        """Remove a member for ever, once the person who removes has confirmed that."""
        question = Question(
            subject=f"user:{signed_in()}",
            action="remove",
            resource=f"membership:{account}/{person}",
            fulfils=CONFIRMED_HERE.intersection(inputs.codes("confirm")),
        )
        position = self._decisions.change_row(
            account,
            question,
            "UPDATE members SET status = 'removed'"
            " WHERE account_id = %s AND person_id = %s AND status = 'active'",
            account,
            person,
        )
        return self._judged(account, person, position, role=None)

    def _judged(
        self, account: str, person: str, position: str, role: str | None
    ) -> ResponseReturnValue:
        may = self._decisions.judged(person, f"account:{account}", position)
        return {"account": account, "person": person, "role": role, "they_may": may}
