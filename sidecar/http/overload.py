"""Requests that are refused for what they ask of us, and not for what they ask."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

from flask import Flask, Response, request

from sidecar.http.errors import RETRY_SECONDS, refusal

REFUSED = "sidecar.refused"
"""The member of the WSGI environment by which whoever counts requests has one refused."""


class Rejection(Enum):
    """Why a request is refused before anybody looks at what it asks."""

    BUSY = (HTTPStatus.SERVICE_UNAVAILABLE, "there are too many requests at once; try again")
    LATE = (HTTPStatus.SERVICE_UNAVAILABLE, "the answer took too long; try again, or ask for less")
    LONG_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    UNCLEAR = (HTTPStatus.BAD_REQUEST, "it is not clear where this request ends")

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        self.status = status
        self.sentence = sentence

    @property
    def ends_connection(self) -> bool:
        """Whether what follows on the connection cannot be told from this request."""
        return self in {Rejection.LONG_BODY, Rejection.UNCLEAR}


def register(app: Flask) -> None:
    """Refuse what has been marked so; whether the process lives is told however busy it is."""

    @app.before_request
    def refuse() -> Response | None:
        refused = request.environ.get(REFUSED)
        if not isinstance(refused, Rejection):
            return None
        if refused is Rejection.BUSY and request.endpoint == "health.healthz":
            return None
        response = refusal(refused.status, refused.sentence)
        if refused.status is HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = RETRY_SECONDS
        return response
