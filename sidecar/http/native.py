"""The short form of the questions, for a person with curl and a service that wants all of it."""

from __future__ import annotations

from flask import Blueprint, Response

from sidecar.decide import permissions
from sidecar.http.asking import Desk, answer, question
from sidecar.http.questions import Authorize, Permissions
from sidecar.model import Revisions


def blueprint(desk: Desk) -> Blueprint:
    """Return the views under `/v1`."""
    views = Blueprint("native", __name__, url_prefix="/v1")

    @views.post("/authorize")
    def authorize() -> Response:
        """Answer one question; a denial is a 200 with its reasons."""
        asked = question(Authorize).evaluation().request()
        answered = desk.open().decide(asked)
        return answer({"decision": answered.decision.allowed, **answered.rest()})

    @views.post("/permissions")
    def list_permissions() -> Response:
        """Answer which actions of the resource's type would be allowed."""
        asked = question(Permissions).search()
        asking = desk.open()
        allowed = permissions(
            asked.subject.reference(),
            asked.resource.reference(),
            asking.pair.policy,
            asking.pair.snapshot,
            asking.now,
            subject_properties=asked.subject.properties,
            resource_properties=asked.resource.properties,
            context=asked.context,
        )
        revisions = Revisions(asking.pair.policy.revision, asking.pair.snapshot.revision)
        return answer({"permissions": allowed, "revisions": revisions})

    return views
