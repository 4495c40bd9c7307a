"""Whether the sidecar lives and can answer, and what is wrong with the newest files."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response, request

from sidecar.http.authentication import Access
from sidecar.http.flask_response import rendered
from sidecar.http.message import RequestHead, json_response
from sidecar.http.responses import Alive, Readiness
from sidecar.reload import State

ALIVE = json_response(Alive("ok"))
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
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        if access.refusal(RequestHead.of(request.environ).authorization()) is not None:
            return rendered(json_response(Readiness(ready), status))
        problems = (*access.problems(), *access.failures(), *now.problems)
        return rendered(json_response(Readiness(ready, now.revisions, problems), status))

    return views
