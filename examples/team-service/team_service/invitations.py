"""Invitations: make, send again, change, revoke, accept."""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import g, request
from flask.typing import ResponseReturnValue

from sidecar.client import Entity, Question
from team_service import inputs
from team_service.database import Row, Transaction, instant
from team_service.decisions import Decisions, now
from team_service.errors import RefusedError
from team_service.mail import Mailer, hash_of, new_token
from team_service.people import People, signed_in

INVITATION_TIME = timedelta(days=14)

_STRANGER = "-"
"""Somebody who has not signed up; nobody can choose this id."""


class Invitations:
    """The views of invitations."""

    def __init__(self, decisions: Decisions, people: People, mailer: Mailer) -> None:
        self._decisions = decisions
        self._people = people
        self._mailer = mailer

    def create(self, account: str) -> ResponseReturnValue:
        """Invite somebody, and mail the token to accept with."""
        person, email = signed_in(), inputs.text("email", "")
        identifier, token = f"inv-{secrets.token_hex(8)}", new_token()
        role = inputs.text("role", "")
        question = Question(
            subject=f"user:{person}",
            action="create",
            resource=Entity(
                "invitation", identifier, {"account": account, "email": email, "role": role}
            ),
            # As far as this service can see: a proxy that says so.
            context={"via_proxy": "Via" in request.headers},
        )

        def write(transaction: Transaction) -> None:
            address = inputs.canonical_email(email)
            # An open one to the same address has expired, or the sidecar would have denied this.
            transaction.run(
                "UPDATE invitations SET status = 'revoked'"
                " WHERE account_id = %s AND email = %s AND status = 'pending'",
                account,
                address,
            )
            transaction.insert(
                "invitations",
                id=identifier,
                account_id=account,
                email=address,
                role=role,
                expires_at=instant(now() + INVITATION_TIME),
                token_hash=hash_of(token),
            )

        position = self._decisions.change(account, question, write)
        address = inputs.canonical_email(email)
        return self._mailed(identifier, account, address, token, position), 201

    def resend(self, identifier: str) -> ResponseReturnValue:
        """Mail another token, which takes the place of the first, and renew the invitation."""
        token, row = new_token(), self._row("id", identifier)
        position = self._change(
            row,
            "resend",
            "UPDATE invitations SET token_hash = %s, expires_at = %s WHERE id = %s",
            hash_of(token),
            instant(now() + INVITATION_TIME),
            identifier,
        )
        return self._mailed(identifier, row["account_id"], row["email"], token, position)

    def revoke(self, identifier: str) -> ResponseReturnValue:
        """Take an invitation back."""
        position = self._change(
            self._row("id", identifier),
            "revoke",
            "UPDATE invitations SET status = 'revoked' WHERE id = %s",
            identifier,
        )
        return self._judged(identifier, position)

    def change_role(self, identifier: str) -> ResponseReturnValue:
        """Offer another role."""
        role = inputs.text("role", "")
        position = self._change(
            self._row("id", identifier),
            "change_role",
            "UPDATE invitations SET role = %s WHERE id = %s",
            role,
            identifier,
            role=role,
        )
        return {**self._judged(identifier, position), "role": role}

    def accept(self) -> ResponseReturnValue:
        """Become a member, by the token of an invitation."""
        person = str(g.session["person_id"]) if g.session else _STRANGER
        return self._accept(person)

    def sign_up(self) -> ResponseReturnValue:
        """Sign up by the token of an invitation, and become a member.

        The repeated request of somebody who is signed in by now only accepts.
        """
        return self.accept() if g.session else self._accept(self._people.confirm_invited())

    def _accept(self, person: str) -> ResponseReturnValue:
        token_hash = hash_of(inputs.text("token"))
        row = self._row("token_hash", token_hash)
        account = row["account_id"]

        def write(transaction: Transaction) -> None:
            # The token is the business of the service: it may have been replaced meanwhile.
            statement = (
                "UPDATE invitations SET status = 'accepted' WHERE id = %s AND token_hash = %s"
            )
            if not transaction.run(statement, row["id"], token_hash):
                raise RefusedError("This token no longer holds; use that of the newest mail.")
            # The role that the invitation offers now: it may have changed since it was sent.
            transaction.run(
                "INSERT INTO members (account_id, person_id, role, joined_at)"
                " SELECT account_id, %s, role, %s FROM invitations WHERE id = %s",
                person,
                instant(now()),
                row["id"],
            )

        question = Question(
            subject=f"user:{person}", action="accept", resource=f"invitation:{row['id']}"
        )
        position = self._decisions.change(account, question, write)
        may = self._decisions.judged(person, f"account:{account}", position)
        return {"account": account, "you_may": may}

    def _row(self, column: str, value: str) -> Row:
        with self._decisions.database.reading() as transaction:
            row = transaction.row(
                f"SELECT id, account_id, email FROM invitations WHERE {column} = %s",  # noqa: S608  a column
                value,
            )
        # The sidecar denies what is done to something that does not exist, and says so.
        return row or {"id": "-", "account_id": "-", "email": ""}

    def _change(
        self, row: Row, action: str, statement: str, *values: object, role: str | None = None
    ) -> str:
        question = Question(
            subject=f"user:{signed_in()}",
            action=action,
            resource=f"invitation:{row['id']}",
            action_properties={} if role is None else {"role": role},
        )
        return self._decisions.change_row(row["account_id"], question, statement, *values)

    def _mailed(self, identifier: str, account: str, email: str, token: str, position: str) -> Row:
        mailed = self._mailer.send(
            email,
            f"You are invited to {account}",
            f"{signed_in()} invites you to the account {account}.",
            f"Your token: {token}",
        )
        return {**self._judged(identifier, position), "mailed": mailed}

    def _judged(self, identifier: str, position: str) -> Row:
        resource = f"invitation:{identifier}"
        may = self._decisions.judged(signed_in(), resource, position)
        return {"invitation": identifier, "you_may": may}
