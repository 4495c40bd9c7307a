"""Responses as Flask has them."""

from __future__ import annotations

import flask

from sidecar.http.message import Response


def rendered(response: Response) -> flask.Response:
    """Give a response to Flask."""
    rendering = flask.Response(response.body, response.status)
    rendering.headers.clear()
    rendering.headers.extend(response.headers)
    return rendering
