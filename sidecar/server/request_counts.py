"""Counting responses, and connections that are closed at a deadline."""

from __future__ import annotations

from sidecar.http.errors import cause_of
from sidecar.http.message import Response
from sidecar.metrics import Counters
from sidecar.metrics.catalog import CLOSED
from sidecar.server.phase import Phase
from sidecar.server.request import Request

_EXPIRED = {
    Phase.RECEIVING: "silent",
    Phase.IDLE: "idle",
    Phase.SENDING: "unread",
    Phase.CLOSING: "lingering",
}


def count_response(
    counters: Counters, request: Request | None, response: Response, seconds: float
) -> None:
    """Count a response that is about to be sent.

    Args:
        counters: Of this process.
        request: None where it could not be read.
        response: To it.
        seconds: Since it had arrived.
    """
    status = response.status
    if request is None:
        counters.unread(status)
    else:
        counters.answer(request.path, status, response.counted, seconds)
    cause = cause_of(response)
    if cause:
        counters.reject(cause)


def count_expired(counters: Counters, phase: Phase) -> None:
    """Count a connection that is closed because a deadline has passed, by what it waited for."""
    counters.add(CLOSED, _EXPIRED[phase])
