"""The short form of the questions, for a person with curl and a service that wants all of it."""

from __future__ import annotations

from flask import Blueprint, Response

from sidecar.http.asking import Desk, answer, question
from sidecar.http.questions import Authorize, Permissions
from sidecar.search import permissions


def blueprint(desk: Desk) -> Blueprint:
    """Return the views under `/v1`."""
    views = Blueprint("native", __name__, url_prefix="/v1")

    @views.post("/authorize")
    def authorize() -> Response:
        """Answer one question; a denial is a 200 with its reasons."""
        asked = question(Authorize).request()
        answered = desk.open().decide(asked)
        return answer({"decision": answered.decision.allowed, **answered.rest()})

    @views.post("/permissions")
    def list_permissions() -> Response:
        """Answer which actions of the resource's type would be allowed."""
        asked = question(Permissions).request()
        asking = desk.open()
        allowed = asking.search(permissions, asked)
        return answer({"permissions": allowed, "revisions": asking.pair.revisions()})

    return views
