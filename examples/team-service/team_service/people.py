"""Signing up and in.

The policy compares the address of a person with that of an invitation. So an address must be proven
before it becomes a fact: by a token that was sent to it. The password is chosen by whoever has the
token; chosen before, it could be that of somebody else who gave this address.
"""

from __future__ import annotations

from datetime import timedelta

from flask import g, request
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

from team_service import inputs
from team_service.database import ConflictError, Row, instant
from team_service.decisions import Decisions, now
from team_service.errors import NoSessionError, RefusedError
from team_service.mail import Mailer, hash_of, new_token

COOKIE = "team_session"
SESSION_TIME, SIGN_UP_TIME = timedelta(hours=12), timedelta(hours=24)

_SIGN_UP = "SELECT email FROM sign_ups WHERE token_hash = %s AND expires_at > %s"
_INVITATION = (
    "SELECT email FROM invitations WHERE token_hash = %s AND status = 'pending' AND expires_at > %s"
)
_NOBODY = generate_password_hash("")
"""Checked where nobody has the address, so that the time of the answer does not tell."""


def signed_in() -> str:
    """Return the id of the person who sends the request.

    Raises:
        NoSessionError: Nobody has signed in.
    """
    if g.session is None:
        raise NoSessionError("Sign in first.")
    return str(g.session["person_id"])


class People:
    """The views of people and of their sessions."""

    def __init__(self, decisions: Decisions, mailer: Mailer) -> None:
        self._decisions = decisions
        self._database = decisions.database
        self._mailer = mailer

    def load_session(self) -> None:
        """Put the session of the request into `flask.g`; None if it has none."""
        g.session, g.new_session = None, None
        if token := request.cookies.get(COOKIE, ""):
            with self._database.reading() as transaction:
                g.session = transaction.row(
                    "SELECT * FROM sessions WHERE token_hash = %s AND expires_at > %s",
                    hash_of(token),
                    instant(now()),
                )

    def sign_up(self) -> ResponseReturnValue:
        """Mail a token. The answer does not tell whether somebody has the address already."""
        email, token = inputs.canonical_email(inputs.text("email")), new_token()
        with self._database.writing() as transaction:
            transaction.run("DELETE FROM sign_ups WHERE expires_at <= %s", instant(now()))
            known = transaction.row("SELECT id FROM people WHERE email = %s", email)
            if not known:
                expires_at = instant(now() + SIGN_UP_TIME)
                transaction.insert(
                    "sign_ups", token_hash=hash_of(token), email=email, expires_at=expires_at
                )
        advice = "You have signed up before: sign in." if known else f"Your token: {token}"
        self._mailer.send(email, "Your sign-up", advice)
        return {"mailed_to": email}, 202

    def confirm(self) -> ResponseReturnValue:
        """Create the person who has the token of a sign-up, and sign in."""
        return self._create(_SIGN_UP), 201

    def confirm_invited(self) -> str:
        """Create the person who has the token of an invitation, and sign in; return the id.

        It proves the address as the token of a sign-up does, as long as the invitation holds.
        """
        return str(self._create(_INVITATION)["id"])

    def sign_in(self) -> ResponseReturnValue:
        """Begin a session in the account where the person lands."""
        email, password = inputs.canonical_email(inputs.text("email")), inputs.text("password")
        with self._database.reading() as transaction:
            row = transaction.row(
                "SELECT id, hash FROM people JOIN passwords ON person_id = id WHERE email = %s",
                email,
            )
        is_right = check_password_hash(row["hash"] if row else _NOBODY, password)
        if row is None or not is_right:
            raise RefusedError("The address or the password is wrong.")
        return self._begin_session(row["id"])

    def show_session(self) -> ResponseReturnValue:
        """Tell who has signed in, and the account that they have switched to."""
        return {"id": signed_in(), "account": g.session["account_id"]}

    def switch(self) -> ResponseReturnValue:
        """Switch to another account."""
        person, account = signed_in(), inputs.text("account")
        self._decisions.require(person, "switch", f"account:{account}")
        with self._database.writing() as transaction:
            transaction.run(
                "UPDATE sessions SET account_id = %s WHERE token_hash = %s",
                account,
                g.session["token_hash"],
            )
        return {"id": person, "account": account}

    def sign_out(self) -> ResponseReturnValue:
        """End the session."""
        signed_in()
        with self._database.writing() as transaction:
            transaction.run("DELETE FROM sessions WHERE token_hash = %s", g.session["token_hash"])
        return {}

    def _create(self, proof: str) -> Row:
        """Create a person whose address a token proves, and begin a session.

        Args:
            proof: A statement that selects the address by the hash of the token.
        """
        person, password_hash = inputs.new_id(), generate_password_hash(inputs.password())
        try:
            with self._database.writing() as transaction:
                row = transaction.row(proof, hash_of(inputs.text("token")), instant(now()))
                if row is None:
                    raise RefusedError("This token no longer holds; sign up without it.")
                transaction.run("DELETE FROM sign_ups WHERE email = %s", row["email"])
                transaction.insert("people", id=person, email=row["email"])
                transaction.insert("passwords", person_id=person, hash=password_hash)
                position = transaction.position()
        except ConflictError as error:
            message = "Somebody has this id or this address; choose another id, or sign in."
            raise RefusedError(message) from error
        return self._begin_session(person, position)

    def _begin_session(self, person: str, position: str | None = None) -> Row:
        """Begin a session; `app.py` sends its token in a cookie."""
        account, token = self._decisions.landing(person, position), new_token()
        with self._database.writing() as transaction:
            transaction.run("DELETE FROM sessions WHERE expires_at <= %s", instant(now()))
            transaction.insert(
                "sessions",
                token_hash=hash_of(token),
                person_id=person,
                account_id=account,
                expires_at=instant(now() + SESSION_TIME),
            )
        g.new_session = token
        return {"id": person, "account": account}
