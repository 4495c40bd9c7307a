"""AuthZEN Authorization API 1.0: evaluation, evaluations and search."""

from __future__ import annotations

from flask import Blueprint, Response

from sidecar.http.asking import Desk, answer, body, question
from sidecar.http.batches import evaluate
from sidecar.http.questions import ActionSearch, Evaluation, ResourceSearch, SubjectSearch
from sidecar.search import permissions, search_resources, search_subjects


def blueprint(desk: Desk, max_evaluations: int) -> Blueprint:
    """Return the views under `/access/v1`."""
    views = Blueprint("authzen", __name__, url_prefix="/access/v1")

    @views.post("/evaluation")
    def evaluation() -> Response:
        """Answer one question; what we tell beside the decision stands in `context`."""
        answered = desk.open().decide(question(Evaluation).request())
        return answer({"decision": answered.decision.allowed, "context": answered.rest()})

    @views.post("/evaluations")
    def evaluations() -> Response:
        """Answer a batch from one pair and one moment."""
        return answer(evaluate(body(), desk.open(), max_evaluations))

    @views.post("/search/subject")
    def subject() -> Response:
        """Answer who may do it."""
        asked = question(SubjectSearch).request()
        found = desk.open().search(search_subjects, asked)
        return answer({"results": [{"type": asked.subject.type, "id": each} for each in found]})

    @views.post("/search/resource")
    def resource() -> Response:
        """Answer on what it may be done."""
        asked = question(ResourceSearch).request()
        found = desk.open().search(search_resources, asked)
        return answer({"results": [{"type": asked.resource.type, "id": each} for each in found]})

    @views.post("/search/action")
    def action() -> Response:
        """Answer what may be done."""
        found = desk.open().search(permissions, question(ActionSearch).request())
        return answer({"results": [{"name": each} for each in found]})

    return views
