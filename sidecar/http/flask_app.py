"""A Flask application whose errors are JSON, and which asks for a token: for each listener one."""

from __future__ import annotations

from http import HTTPStatus

import flask
from flask import Flask, request
from werkzeug.exceptions import HTTPException

from sidecar.errors import SidecarError
from sidecar.http.authentication import Access
from sidecar.http.errors import error_response, rejection_of
from sidecar.http.flask_response import rendered
from sidecar.http.gateways import credentials
from sidecar.http.message import RequestHead


def new_app(access: Access, max_body_bytes: int) -> Flask:
    """Return an application without paths.

    Args:
        access: Who may ask.
        max_body_bytes: Longest body that views are given.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A path is what it says: no redirect to a similar one.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    _register_errors(app)
    _register_access(app, access)
    app.after_request(_finish)
    return app


def _register_errors(app: Flask) -> None:
    """Make every error of this application JSON."""

    @app.errorhandler(SidecarError)
    def own(error: SidecarError) -> flask.Response:
        return rendered(error_response(error))

    @app.errorhandler(HTTPException)
    def foreign(error: HTTPException) -> flask.Response:
        # Flask hands every error that nobody expected over as a 500, after it has logged it.
        response = rendered(rejection_of(HTTPStatus(error.code or 500)))
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response


def _register_access(app: Flask, access: Access) -> None:
    """Refuse whoever may not ask, before anything else is looked at."""

    @app.before_request
    def admit() -> flask.Response | None:
        path = request.url_rule.rule if request.url_rule else ""
        refusal = access.refusal_at(path, credentials(path, RequestHead.of(request.environ)))
        return rendered(refusal) if refusal else None


def _finish(response: flask.Response) -> flask.Response:
    if (request_id := request.headers.get("X-Request-ID")) is not None:
        response.headers["X-Request-ID"] = request_id
    # What is allowed now may not be in a moment.
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
