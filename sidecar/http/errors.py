"""Errors on their way out: one table from class to status, and one shape of body.

Every body says ``"decision": false``, so that a caller that reads nothing else is safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from flask import Flask, Response
from msgspec import UNSET
from werkzeug.exceptions import HTTPException

from sidecar.errors import (
    DecisionLogError,
    InvalidRequestError,
    SidecarError,
    SnapshotUnavailableError,
)
from sidecar.http.message import Told, told
from sidecar.http.native_responses import Fault, Refusal
from sidecar.http.request_context import LOG

STATUS: Mapping[type[SidecarError], HTTPStatus] = {
    InvalidRequestError: HTTPStatus.BAD_REQUEST,
    SnapshotUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    DecisionLogError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What a caller can do about it decides the status; any other error is ours to mend, and a 500."""

RETRY_SECONDS = "1"
RETRY = ("Retry-After", RETRY_SECONDS)

_SENTENCES = {
    HTTPStatus.NOT_FOUND: "there is nothing at this path",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is too large",
    HTTPStatus.INTERNAL_SERVER_ERROR: "the sidecar failed; its log says how",
}


def fault_of(error: SidecarError) -> Fault:
    """Return what a caller is told of an error; the member of the question if one is to blame."""
    status = STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    member = error.member if isinstance(error, InvalidRequestError) else ""
    return Fault(status=status.value, message=str(error), member=member or UNSET)


def register(app: Flask) -> None:
    """Make every error of this application JSON."""

    @app.errorhandler(SidecarError)
    def own(error: SidecarError) -> Response:
        return rendered(told_of(error))

    @app.errorhandler(HTTPException)
    def foreign(error: HTTPException) -> Response:
        # Flask hands every error that nobody expected over as a 500, after it has logged it.
        response = refusal(HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR))
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response


def told_of(error: SidecarError) -> Told:
    """Return what a caller is told in place of an answer; an error that is ours is logged."""
    status = STATUS.get(type(error))
    if status is None:
        LOG.error("a request failed", exc_info=error)
        return refused(HTTPStatus.INTERNAL_SERVER_ERROR)
    answer = told(Refusal(error=fault_of(error)), status)
    return answer.also(RETRY) if status is HTTPStatus.SERVICE_UNAVAILABLE else answer


def refused(status: HTTPStatus, sentence: str = "") -> Told:
    """Return an answer that is none, with a sentence of its own or that of its status."""
    message = sentence or _SENTENCES.get(status, status.phrase.lower())
    return told(Refusal(error=Fault(status=status.value, message=message)), status)


def refusal(status: HTTPStatus, sentence: str = "") -> Response:
    """Render an answer that is none, with a sentence of its own or that of its status."""
    return rendered(refused(status, sentence))


def rendered(answer: Told) -> Response:
    """Give an answer to Flask."""
    response = Response(answer.body, answer.status)
    response.headers.clear()
    response.headers.extend(answer.fields)
    return response
