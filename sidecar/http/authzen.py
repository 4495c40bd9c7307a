"""AuthZEN Authorization API 1.0: evaluation, evaluations and search."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from flask import Blueprint, Response

from sidecar.facts import Snapshot
from sidecar.http.asking import Desk, answer, body, question
from sidecar.http.batches import evaluate
from sidecar.http.questions import ActionSearch, Evaluation, ResourceSearch, SubjectSearch
from sidecar.model import Request
from sidecar.policy import Policy
from sidecar.search import permissions, search_resources, search_subjects

Search: TypeAlias = Callable[[Request, Policy, Snapshot, datetime], tuple[str, ...]]


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
        found = _search(search_subjects, asked, desk)
        return answer({"results": [{"type": asked.subject.type, "id": each} for each in found]})

    @views.post("/search/resource")
    def resource() -> Response:
        """Answer on what it may be done."""
        asked = question(ResourceSearch).request()
        found = _search(search_resources, asked, desk)
        return answer({"results": [{"type": asked.resource.type, "id": each} for each in found]})

    @views.post("/search/action")
    def action() -> Response:
        """Answer what may be done."""
        found = _search(permissions, question(ActionSearch).request(), desk)
        return answer({"results": [{"name": each} for each in found]})

    return views


def _search(search: Search, asked: Request, desk: Desk) -> tuple[str, ...]:
    asking = desk.open()
    return search(asked, asking.pair.policy, asking.pair.snapshot, asking.now)
