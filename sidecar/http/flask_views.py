"""What Flask's views have in common: how they read a question, and how they answer."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from flask import Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from sidecar.errors import InvalidRequestError
from sidecar.http.json_body import convert, parse

T = TypeVar("T")


def body() -> object:
    """Return the JSON value that the present caller sent.

    Raises:
        InvalidRequestError: The content type is not JSON, or the body is not.
        RequestEntityTooLarge: It is longer than it may be.
    """
    if request.mimetype != "application/json":
        raise InvalidRequestError("", "the header `Content-Type` must be `application/json`")
    return parse(whole_body(), current_app.config["MAX_DEPTH"])


def whole_body() -> bytes:
    """Return all that the present caller sent.

    Raises:
        RequestEntityTooLarge: It is longer than it may be.
    """
    # Of a body that comes in pieces, werkzeug returns the first `max_content_length` bytes as if
    # they were all; so it is told one more than may be, and that one is counted here.
    most = request.max_content_length
    said = request.get_data(cache=False)
    if most is not None and len(said) >= most:
        raise RequestEntityTooLarge
    return said


def question(kind: type[T]) -> T:
    """Return the body as a question of this type.

    Raises:
        InvalidRequestError: It is none.
    """
    return convert(body(), kind)


def answer(members: object, status: int = 200) -> Response:
    """Render an answer; nouns of the core are written by the names of their fields."""
    return Response(msgspec.json.encode(members), status, mimetype="application/json")
