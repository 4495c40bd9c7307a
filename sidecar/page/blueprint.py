"""The blueprint of all pages, and what they have in common."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from sidecar.errors import InvalidRequestError, SidecarError, SnapshotUnavailableError
from sidecar.page import ask, compare, completion, health, matrix, people
from sidecar.page.context import Page
from sidecar.page.security import check_origin, protect

PREFIX = "/page"
STATIC_SECONDS = 3600
"""For how long a browser keeps style and script; their URLs change with the version."""

_SHOWN = (
    ("page.matrix", "Matrix"),
    ("page.ask", "Ask"),
    ("page.people", "People"),
    ("page.compare", "Compare"),
    ("page.health", "Health"),
)
"""The pages, in the order of the navigation."""
_OPEN = ("page.health", "page.static", "page.start")
"""What is shown where policy and facts are not."""


def create_pages(page: Page) -> Blueprint:
    """Return the blueprint; all of it is below `/page`, but for a redirect at `/`."""
    views = Blueprint(
        "page",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path=f"{PREFIX}/static",
    )
    _guard(views, page)
    _answer_errors(views)

    @views.get("/")
    @views.get(PREFIX)
    @views.get(f"{PREFIX}/")
    def start() -> AnyResponse:
        """Go to the first page."""
        return redirect(url_for("page.health"), 303)

    for each in (matrix, ask, people, completion, compare, health):
        each.add(views, page)

    @views.route(f"{PREFIX}/<path:_rest>", methods=["GET", "POST"])
    def missing(_rest: str) -> str:
        """Answer that there is no such page, as a page."""
        raise NotFound

    @views.record_once
    def compile_templates(state: BlueprintSetupState) -> None:
        """Compile all templates now, so that the first visitor does not wait for them."""
        for name in state.app.jinja_env.list_templates(extensions=["html"]):
            state.app.jinja_env.get_template(name)

    @views.context_processor
    def common() -> dict[str, Any]:
        return {"pages": _SHOWN, "version": version("sidecar")}

    return views


def _guard(views: Blueprint, page: Page) -> None:
    @views.before_request
    def check() -> Response | None:
        check_origin(request, has_tokens=page.has_tokens)
        if page.closed and request.endpoint not in _OPEN:
            return _error_page(403, "Policy and facts are not shown", page.closed)
        return None

    @views.after_request
    def finish(response: Response) -> Response:
        if request.endpoint == "page.static":
            response.headers["Cache-Control"] = f"max-age={STATIC_SECONDS}"
        return protect(response)


def _answer_errors(views: Blueprint) -> None:
    @views.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _error_page(error.code or 500, error.name, error.description or "")

    @views.errorhandler(SnapshotUnavailableError)
    def unavailable(_: SnapshotUnavailableError) -> Response:
        message = "No policy and facts could be read yet. The page Health says why."
        return _error_page(503, "There is nothing to answer from", message)

    @views.errorhandler(InvalidRequestError)
    def invalid(error: SidecarError) -> Response:
        return _error_page(400, "This request cannot be answered", str(error))


def _error_page(code: int, title: str, message: str) -> Response:
    return make_response(
        render_template("page/error.html", code=code, title=title, message=message), code
    )
