"""The application: its paths, its limits, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Protocol

from flask import Flask, Response, request

from sidecar.decision_log import DecisionLog
from sidecar.errors import Problem
from sidecar.facts import Snapshot
from sidecar.http import errors as faults
from sidecar.http import openapi
from sidecar.http import routes_catalog as catalog
from sidecar.http import routes_health as health
from sidecar.http import routes_metadata as metadata
from sidecar.http import routes_search as authzen
from sidecar.http.authentication import Access
from sidecar.http.dispatch import PATHS, Hot
from sidecar.http.errors import rendered
from sidecar.http.flask_views import whole_body
from sidecar.http.incoming_request import Limits
from sidecar.http.json_body import prepare
from sidecar.http.message import Fields
from sidecar.http.routes_search import Standard
from sidecar.http.service import Desk, utc_now
from sidecar.reload import Pair, State


class Pairs(Protocol):
    """Where the views take the current policy and snapshot from."""

    def current(self) -> Pair:
        """Return the pair to answer from."""

    def age(self, snapshot: Snapshot) -> float:
        """Return for how many seconds nobody has seen that the mount still holds it."""

    def follows(self, snapshot: Snapshot, revision: str) -> bool:
        """Tell whether a snapshot is of a revision, or newer."""

    def state(self) -> State:
        """Return what there is to know about it."""


DEFAULT_LIMITS = Limits()


def create_app(  # noqa: PLR0913  one argument for each part that may be left out
    pairs: Pairs,
    now: Callable[[], datetime] = utc_now,
    limits: Limits = DEFAULT_LIMITS,
    standard: Standard | None = None,
    *,
    log: DecisionLog | None = None,
    access: Access | None = None,
    max_staleness: float = inf,
) -> Flask:
    """Wire the edge to a source of pairs and a clock. Holds no other state.

    Without `standard` nobody has told our public URL, and tokens of pages are made with a key of
    this very application; without `log` no decision is logged, and without `access` everybody may
    ask who can reach us. Facts that nobody has seen to be current for `max_staleness` seconds
    answer nothing.
    """
    standard = standard or Standard()
    prepare()
    access = access or Access()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limits.max_body_bytes + 1  # see `views.whole_body`
    app.config["MAX_DEPTH"] = limits.max_depth
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # A path is what it says: no redirect to a similar one.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = True
    desk = Desk(
        current=pairs.current,
        age=pairs.age,
        now=now,
        follows=pairs.follows,
        log=log,
        max_staleness=max_staleness,
        with_context=standard.context,
    )
    _register_hot(app, Hot(desk, access, limits))
    app.register_blueprint(authzen.blueprint(desk, standard.paging))
    app.register_blueprint(metadata.blueprint(standard.public_url))
    app.register_blueprint(catalog.blueprint(desk))
    app.register_blueprint(openapi.blueprint(standard.public_url, tokens=access.asks))
    app.register_blueprint(health.blueprint(lambda: _state(pairs, log, max_staleness), access))
    faults.register(app)
    access.register(app)
    app.after_request(_finish)
    return app


def hot(app: Flask) -> Hot:
    """Return what answers the paths that are asked all the time."""
    found: Hot = app.extensions[_HOT]
    return found


_HOT = "sidecar.hot"


def _register_hot(app: Flask, answering: Hot) -> None:
    app.extensions[_HOT] = answering

    def view() -> Response:
        answer = answering.answer(request.path, Fields.of(request.environ), whole_body())
        return rendered(answer)

    for path in PATHS:
        app.add_url_rule(path, path, view, methods=["POST"])


def _state(pairs: Pairs, log: DecisionLog | None, max_staleness: float) -> State:
    state = pairs.state()
    problems = (*state.problems, *log.problems()) if log else state.problems
    if state.revisions is None or max_staleness is inf:
        return replace(state, problems=problems)
    age = pairs.age(pairs.current().snapshot)
    if age <= max_staleness:
        return replace(state, problems=problems)
    said = f"nobody has seen for {age:.0f} s that they are current, {max_staleness:g} s at most"
    return replace(state, stale=True, problems=(*problems, Problem("facts", 0, said)))


def _finish(response: Response) -> Response:
    if (request_id := request.headers.get("X-Request-ID")) is not None:
        response.headers["X-Request-ID"] = request_id
    # What is allowed now may not be in a moment.
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
