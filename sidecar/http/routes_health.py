"""Whether the sidecar lives and can answer, and what is wrong with the newest files."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Blueprint, Response, request

from sidecar.health import Health
from sidecar.http.authentication import Access
from sidecar.http.flask_response import rendered
from sidecar.http.message import RequestHead, json_response
from sidecar.http.responses import Alive, Readiness

ALIVE = json_response(Alive("ok"))
"""Answers that this process serves requests; nothing else is looked at."""


def blueprint(health: Callable[[], Health], access: Access) -> Blueprint:
    """Return `/healthz` and `/readyz`."""
    views = Blueprint("health", __name__)

    @views.get("/healthz")
    def healthz() -> Response:
        """Answer that this process serves requests; nothing else is looked at."""
        return rendered(ALIVE)

    @views.get("/readyz")
    def readyz() -> Response:
        """Answer 200 while the sidecar can decide, from the last good files if need be.

        Every process of it gives the same answer.

        What is wrong quotes files of the operator: only callers who may ask are told of it.
        """
        now = health()
        status = HTTPStatus.OK if now.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        shown = Readiness(now.is_ready, now.revisions, now.problems)
        if access.refusal(RequestHead.of(request.environ).authorization()) is not None:
            shown = Readiness(now.is_ready)
        return rendered(json_response(shown, status))

    return views
