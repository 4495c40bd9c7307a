"""Signing up and in.

The policy compares the address of a person with that of an invitation. So an address must be proven
before it becomes a fact: by a token that was sent to it.
"""

from __future__ import annotations

from datetime import timedelta

from flask import g, request
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

from team_service import inputs
from team_service.database import ConflictError, Row, Transaction, instant
from team_service.decisions import Decisions, now
from team_service.mail import Mailer, hash_of, new_token

COOKIE = "team_session"
SESSION_TIME, SIGN_UP_TIME = timedelta(hours=12), timedelta(hours=24)

_NOBODY = generate_password_hash("")
"""Checked where nobody has the address, so that the time of the answer does not tell."""


class NoSessionError(Exception):
    """The caller has not signed in."""


class RefusedError(Exception):
    """Somebody cannot sign up or in; the message says what to do."""


def signed_in() -> str:
    """Return the id of the person who sends the request.

    Raises:
        NoSessionError: Nobody has signed in.
    """
    if g.session is None:
        raise NoSessionError
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
        person, email = inputs.new_id(), inputs.canonical_email(inputs.text("email"))
        password_hash, token = generate_password_hash(inputs.password()), new_token()
        with self._database.writing() as transaction:
            if transaction.row("SELECT id FROM people WHERE id = %s", person):
                raise RefusedError("Somebody else has this id; choose another one.")
            known = transaction.row("SELECT id FROM people WHERE email = %s", email)
            transaction.run("DELETE FROM sign_ups WHERE expires_at <= %s", instant(now()))
            if not known:
                transaction.run(
                    "INSERT INTO sign_ups (token_hash, person_id, email, password_hash, expires_at)"
                    " VALUES (%s, %s, %s, %s, %s)",
                    hash_of(token),
                    person,
                    email,
                    password_hash,
                    instant(now() + SIGN_UP_TIME),
                )
        advice = "You have signed up before: sign in." if known else f"Your token: {token}"
        self._mailer.send(email, "Your sign-up", advice)
        return {"mailed_to": email}, 202

    def confirm(self) -> ResponseReturnValue:
        """Create the person who has the token of a sign-up, and sign in."""
        token_hash = hash_of(inputs.text("token"))
        try:
            with self._database.writing() as transaction:
                row = transaction.row(
                    "SELECT * FROM sign_ups WHERE token_hash = %s AND expires_at > %s",
                    token_hash,
                    instant(now()),
                )
                if row is None:
                    raise RefusedError("This token has been used or is too old; sign up again.")
                person, email = row["person_id"], row["email"]
                position = _create(transaction, person, email, row["password_hash"])
        except ConflictError as error:
            raise RefusedError("Somebody was sooner; choose another id.") from error
        return self._begin_session(person, position), 201

    def sign_up_invited(self) -> str:
        """Create the person who has the token of an invitation, and sign in; return the id.

        The token proves the address as that of a sign-up does, as long as the invitation holds.
        """
        person, password_hash = inputs.new_id(), generate_password_hash(inputs.password())
        try:
            with self._database.writing() as transaction:
                row = transaction.row(
                    "SELECT email FROM invitations"
                    " WHERE token_hash = %s AND status = 'pending' AND expires_at > %s",
                    hash_of(inputs.text("token")),
                    instant(now()),
                )
                if row is None:
                    raise RefusedError("This invitation no longer holds; sign up without it.")
                position = _create(transaction, person, row["email"], password_hash)
        except ConflictError as error:
            message = "Somebody has this id or this address; choose another id, or sign in."
            raise RefusedError(message) from error
        self._begin_session(person, position)
        return person

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

    def _begin_session(self, person: str, position: str | None = None) -> Row:
        """Begin a session; `app.py` sends its token in a cookie."""
        account, token = self._decisions.landing(person, position), new_token()
        with self._database.writing() as transaction:
            transaction.run("DELETE FROM sessions WHERE expires_at <= %s", instant(now()))
            transaction.run(
                "INSERT INTO sessions (token_hash, person_id, account_id, expires_at)"
                " VALUES (%s, %s, %s, %s)",
                hash_of(token),
                person,
                account,
                instant(now() + SESSION_TIME),
            )
        g.new_session = token
        return {"id": person, "account": account}


def _create(transaction: Transaction, person: str, email: str, password_hash: str) -> str:
    """Create a person whose address is proven, and return the position of that.

    Raises:
        ConflictError: Somebody else has the id or the address.
    """
    transaction.run("DELETE FROM sign_ups WHERE email = %s", email)
    transaction.run("INSERT INTO people (id, email) VALUES (%s, %s)", person, email)
    transaction.run(
        "INSERT INTO passwords (person_id, hash) VALUES (%s, %s)", person, password_hash
    )
    return transaction.position()
