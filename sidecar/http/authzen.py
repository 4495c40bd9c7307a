"""AuthZEN Authorization API 1.0: evaluation, evaluations and search."""

from __future__ import annotations

from flask import Blueprint, Response

from sidecar.decide import permissions, search_resources, search_subjects
from sidecar.http.asking import Desk, answer, body, question
from sidecar.http.batches import evaluate
from sidecar.http.questions import ActionSearch, Evaluation, ResourceSearch, SubjectSearch


def blueprint(desk: Desk, max_evaluations: int) -> Blueprint:
    """Return the views under `/access/v1`."""
    views = Blueprint("authzen", __name__, url_prefix="/access/v1")

    @views.post("/evaluation")
    def evaluation() -> Response:
        """Answer one question; what we tell beside the decision stands in `context`."""
        asked = question(Evaluation).request()
        answered = desk.open().decide(asked)
        return answer({"decision": answered.decision.allowed, "context": answered.rest()})

    @views.post("/evaluations")
    def evaluations() -> Response:
        """Answer a batch from one pair and one moment."""
        return answer(evaluate(body(), desk.open(), max_evaluations))

    @views.post("/search/subject")
    def subject() -> Response:
        """Answer who may do it."""
        asked = question(SubjectSearch)
        asking = desk.open()
        found = search_subjects(
            asked.subject.type,
            asked.action.name,
            asked.resource.reference(),
            asking.pair.policy,
            asking.pair.snapshot,
            asking.now,
            action_properties=asked.action.properties,
            resource_properties=asked.resource.properties,
            subject_properties=asked.subject.properties,
            context=asked.context,
        )
        return _entities(asked.subject.type, found)

    @views.post("/search/resource")
    def resource() -> Response:
        """Answer on what it may be done."""
        asked = question(ResourceSearch)
        asking = desk.open()
        found = search_resources(
            asked.subject.reference(),
            asked.action.name,
            asked.resource.type,
            asking.pair.policy,
            asking.pair.snapshot,
            asking.now,
            action_properties=asked.action.properties,
            resource_properties=asked.resource.properties,
            subject_properties=asked.subject.properties,
            context=asked.context,
        )
        return _entities(asked.resource.type, found)

    @views.post("/search/action")
    def action() -> Response:
        """Answer what may be done."""
        asked = question(ActionSearch)
        asking = desk.open()
        found = permissions(
            asked.subject.reference(),
            asked.resource.reference(),
            asking.pair.policy,
            asking.pair.snapshot,
            asking.now,
            subject_properties=asked.subject.properties,
            resource_properties=asked.resource.properties,
            context=asked.context,
        )
        return answer({"results": [{"name": name} for name in found]})

    return views


def _entities(kind: str, ids: tuple[str, ...]) -> Response:
    return answer({"results": [{"type": kind, "id": found} for found in ids]})
