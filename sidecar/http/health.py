"""Whether the sidecar lives and can answer, and what is wrong with the newest files."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response

from sidecar.errors import Problem
from sidecar.http.asking import answer
from sidecar.reloading import State


def blueprint(state: Callable[[], State]) -> Blueprint:
    """Return `/healthz` and `/readyz`."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        """Answer that this process serves requests; nothing else is looked at."""
        return answer({"status": "ok"})

    @views.get("/readyz")
    def readyz() -> Response:
        """Answer 200 while there is a pair to answer from, the last good one included."""
        now = state()
        status = HTTPStatus.OK if now.revisions else HTTPStatus.SERVICE_UNAVAILABLE
        return answer(
            {
                "ready": now.revisions is not None,
                "revisions": now.revisions,
                "problems": [_problem(problem) for problem in now.problems],
            },
            status,
        )

    return views


def _problem(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}
