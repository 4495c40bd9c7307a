"""Responses as Flask has them."""

from __future__ import annotations

import flask

from sidecar.http.errors import traced
from sidecar.http.message import Response


def rendered(response: Response) -> flask.Response:
    """Give the response to the present request to Flask."""
    traceparent = flask.request.headers.get("traceparent")
    if traceparent is not None:
        response = traced(response, traceparent.encode("latin-1", "replace"))
    rendering = flask.Response(response.body, response.status)
    rendering.headers.clear()
    rendering.headers.extend(response.headers)
    return rendering
