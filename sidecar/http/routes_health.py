"""Whether the sidecar lives and can answer, and what is wrong with the newest files."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response

from sidecar.errors import Problem
from sidecar.http.authentication import Access
from sidecar.http.errors import rendered
from sidecar.http.flask_views import answer
from sidecar.http.message import told
from sidecar.reload import State

ALIVE = told({"status": "ok"})
"""Answers that this process serves requests; nothing else is looked at."""


def blueprint(state: Callable[[], State], access: Access) -> Blueprint:
    """Return `/healthz` and `/readyz`."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        """Answer that this process serves requests; nothing else is looked at."""
        return rendered(ALIVE)

    @views.get("/readyz")
    def readyz() -> Response:
        """Answer 200 while there is a pair to answer from, the last good one included.

        Its facts may be so old that the operator wants no answer from them: then it is a 503.

        What is wrong quotes files of the operator: only callers who may ask are told of it.
        """
        now = state()
        ready = now.revisions is not None and not now.stale and not access.problems()
        members: dict[str, object] = {"ready": ready}
        if access.is_known():
            problems = (*access.problems(), *access.failures(), *now.problems)
            members["revisions"] = now.revisions
            members["problems"] = [_problem(problem) for problem in problems]
        return answer(members, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)

    return views


def _problem(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}
