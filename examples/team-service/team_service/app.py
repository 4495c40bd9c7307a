"""The application: its settings and its routes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask, Response, g
from flask.typing import ResponseReturnValue

from sidecar.client import Client
from team_service import inputs
from team_service.accounts import Accounts
from team_service.database import Database
from team_service.decisions import Decisions
from team_service.errors import handle_errors
from team_service.invitations import Invitations
from team_service.mail import Mailer
from team_service.members import Members
from team_service.people import COOKIE, SESSION_TIME, People

SIDECAR_SECONDS = 3.0
"""Longer than the sidecar waits for the facts of a position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings, each a variable such as `TEAM_DATABASE`."""

    database: str
    """``sqlite:PATH`` or ``postgresql://...``, with the tables of `schema.sql`."""
    sidecar: str
    """The URL of the sidecar."""
    sidecar_token_file: str
    """The file with the token that the sidecar accepts from this service."""
    smtp: str
    """``HOST:PORT`` of the server that takes mail."""
    mail_from: str = "team@service.example"
    secure_cookie: str = "yes"
    """``no`` where people come over plain http, as on their own machine."""


def settings_of(variables: Mapping[str, str]) -> Settings:
    """Return the settings of variables.

    Raises:
        TypeError: One is missing.
    """
    names = {name: f"TEAM_{name.upper()}" for name in Settings.__slots__}
    return Settings(**{name: variables[v] for name, v in names.items() if v in variables})


def create_app() -> Flask:
    """Return the application."""
    settings = settings_of(os.environ)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = inputs.MAX_BODY_BYTES
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of Flask's own provider
    client = Client.strict(
        settings.sidecar, seconds=SIDECAR_SECONDS, token_file=settings.sidecar_token_file
    )
    decisions = Decisions(Database(settings.database), client)
    mailer = Mailer(settings.smtp, settings.mail_from)
    people = People(decisions, mailer)
    accounts, members = Accounts(decisions), Members(decisions)
    invitations = Invitations(decisions, people, mailer)
    routes: Mapping[str, Callable[..., ResponseReturnValue]] = {
        "POST /sign-ups": people.sign_up,
        "POST /sign-ups/confirm": people.confirm,
        "POST /session": people.sign_in,
        "GET /session": people.show_session,
        "PUT /session": people.switch,
        "DELETE /session": people.sign_out,
        "POST /accounts": accounts.create,
        "GET /accounts": accounts.list,
        "PUT /default-account": accounts.set_default,
        "PUT /accounts/<account>/plan": accounts.set_plan,
        "GET /accounts/<account>/permissions": accounts.permissions,
        "GET /accounts/<account>/team": members.show,
        "PATCH /accounts/<account>/members/<person>": members.change_role,
        "DELETE /accounts/<account>/members/<person>": members.remove,
        "POST /accounts/<account>/invitations": invitations.create,
        "PATCH /invitations/<identifier>": invitations.change_role,
        "DELETE /invitations/<identifier>": invitations.revoke,
        "POST /invitations/<identifier>/resend": invitations.resend,
        "POST /invitations/accept": invitations.accept,
        "POST /invitations/sign-up": invitations.sign_up,
    }
    for route, view in routes.items():
        method, path = route.split()
        app.add_url_rule(path, endpoint=route, view_func=view, methods=[method])

    def finish(response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        if token := g.get("new_session"):
            response.set_cookie(
                COOKIE,
                token,
                max_age=SESSION_TIME,
                secure=settings.secure_cookie != "no",
                httponly=True,
                samesite="Strict",
            )
        return response

    app.before_request(inputs.check_request)
    app.before_request(people.load_session)
    app.after_request(finish)
    handle_errors(app)
    return app
