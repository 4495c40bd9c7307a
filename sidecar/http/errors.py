"""Every response that is an error: one table of statuses and sentences for all transports.

Every body has ``"decision": false``, so that a caller that reads nothing else is safe.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus

from msgspec import UNSET
from msgspec.json import encode
from msgspec.structs import replace

from sidecar.errors import (
    DecisionLogError,
    InvalidRequestError,
    SidecarError,
    SnapshotUnavailableError,
)
from sidecar.http.message import Response, json_response
from sidecar.http.responses import Fault, Refusal
from sidecar.http.trace_context import trace_id_of
from sidecar.metrics.catalog import OTHER

LOG = logging.getLogger("sidecar")

STATUS: Mapping[type[SidecarError], HTTPStatus] = {
    InvalidRequestError: HTTPStatus.BAD_REQUEST,
    SnapshotUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    DecisionLogError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What a caller can do about it decides the status; any other error is ours to mend, and a 500."""

_CAUSES: Mapping[type[SidecarError], str] = {
    InvalidRequestError: "invalid_request",
    SnapshotUnavailableError: "unavailable",
    DecisionLogError: "unlogged",
}

_DENIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""Statuses of responses to gateways that are no errors."""

RETRY_SECONDS = "1"


class Rejection(Enum):
    """Why a request is refused, whatever is in its body: a status and a sentence."""

    MALFORMED_HTTP = (HTTPStatus.BAD_REQUEST, "this is no request of HTTP/1.1: {}")
    VERSION_OR_METHOD = (
        HTTPStatus.BAD_REQUEST,
        "only HTTP/1.1 and HTTP/1.0 are spoken, with the usual methods",
    )
    NO_HOST = (HTTPStatus.BAD_REQUEST, "a request of HTTP/1.1 needs a `Host`")
    REPEATED_FIELD = (HTTPStatus.BAD_REQUEST, "there is more than one `{}`")
    UNCLEAR_END = (HTTPStatus.BAD_REQUEST, "it is not clear where this request ends")
    NO_PATH = (HTTPStatus.BAD_REQUEST, "the target must be a path, without a fragment")
    EMPTY_LINES = (HTTPStatus.BAD_REQUEST, "there are empty lines before the request")
    LONG_CHUNK_EXTENSIONS = (
        HTTPStatus.BAD_REQUEST,
        "the extensions of chunks, or the trailers, are too long",
    )
    NO_TOKEN = (HTTPStatus.UNAUTHORIZED, "send a token: `Authorization: Bearer TOKEN`")
    UNKNOWN_TOKEN = (HTTPStatus.UNAUTHORIZED, "this token is not known")
    NOT_FOUND = (HTTPStatus.NOT_FOUND, "there is nothing at this path")
    NO_METADATA = (
        HTTPStatus.NOT_FOUND,
        "there is no metadata: the setting `public-url` is not set",
    )
    NO_ROUTES = (
        HTTPStatus.NOT_FOUND,
        "the policy has no routes for gateways: there is no `routes.yaml` in it",
    )
    WRONG_METHOD = (HTTPStatus.METHOD_NOT_ALLOWED, "this path does not take this method")
    INCOMPLETE = (HTTPStatus.REQUEST_TIMEOUT, "the request did not come to its end in time")
    LONG_BODY = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    LONG_LINE = (HTTPStatus.REQUEST_URI_TOO_LONG, "the first line is too long")
    CONTENT_ENCODING = (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "bodies are read without any `Content-Encoding`",
    )
    EXPECTATION = (HTTPStatus.EXPECTATION_FAILED, "only `Expect: 100-continue` is understood")
    MANY_FIELDS = (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "there are too many header fields, or long ones",
    )
    LONG_HEAD = (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "the head of the request is too long",
    )
    FAILED = (HTTPStatus.INTERNAL_SERVER_ERROR, "the sidecar failed; its log says how")
    TRANSFER_CODING = (HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding is `chunked`")
    BUSY = (HTTPStatus.SERVICE_UNAVAILABLE, "there are too many requests at once; try again")
    LATE = (HTTPStatus.SERVICE_UNAVAILABLE, "the answer took too long; try again, or ask for less")

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        self.status = status
        self.sentence = sentence

    def response(self, detail: str = "") -> Response:
        """Return the response to a request that is refused so.

        Args:
            detail: What stands at `{}` in the sentence.
        """
        return _response(Fault(self.status.value, self.sentence.format(detail)), self.cause)

    @property
    def cause(self) -> str:
        """What it counts as in the metrics."""
        return self.name.lower()


CAUSES = (*(each.cause for each in Rejection), *_CAUSES.values())
"""What an error response can count as."""

_BY_STATUS = {
    rejection.status: rejection
    for rejection in (
        Rejection.NOT_FOUND,
        Rejection.WRONG_METHOD,
        Rejection.LONG_BODY,
        Rejection.FAILED,
    )
}


def rejection_of(status: HTTPStatus) -> Response:
    """Return the response to a request that a framework has refused with a status."""
    if status in _BY_STATUS:
        return _BY_STATUS[status].response()
    return _response(Fault(status.value, status.phrase.lower()), OTHER)


def fault_of(error: SidecarError) -> Fault:
    """Return what is wrong, and the member of the request if one is to blame."""
    status = STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    member = error.member if isinstance(error, InvalidRequestError) else ""
    return Fault(status=status.value, message=str(error), member=member or UNSET)


def error_response(error: SidecarError) -> Response:
    """Return the response in place of an answer; an error that is ours is logged."""
    if type(error) in STATUS:
        return _response(fault_of(error), _CAUSES[type(error)])
    LOG.error("a request failed", exc_info=error)
    return Rejection.FAILED.response()


def traced(response: Response, traceparent: bytes | None) -> Response:
    """Return an error with the trace id of its request, and any other response unchanged.

    Args:
        response: The response.
        traceparent: The header of the request; None if it has none. An invalid one is ignored.
    """
    if response.fault is None or traceparent is None:
        return response
    trace_id = trace_id_of(traceparent)
    if trace_id is None:
        return response
    fault = replace(response.fault, trace_id=trace_id.decode("ascii"))
    return replace(response, body=encode(Refusal(error=fault)))


def cause_of(response: Response) -> str:
    """Return what a response counts as among the rejections; empty where it is none.

    One of a framework counts by its status. A gateway's denial is a decision.
    """
    status = response.status
    if response.cause or status < HTTPStatus.BAD_REQUEST or status in _DENIALS:
        return response.cause
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _CAUSES[SnapshotUnavailableError]
    rejection = _BY_STATUS.get(HTTPStatus(status))
    return OTHER if rejection is None else rejection.cause


def _response(fault: Fault, cause: str) -> Response:
    response = json_response(Refusal(error=fault), fault.status)
    response = replace(response, fault=fault, cause=cause)
    if fault.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return response.with_headers(("Retry-After", RETRY_SECONDS))
    return response
