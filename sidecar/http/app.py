"""The Flask application: its paths, its errors, and what every response carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

import flask
from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge

from sidecar.decision_log import DecisionLog
from sidecar.health import Health, Pairs, Reporter, health_of
from sidecar.http import (
    openapi,
    routes_catalog,
    routes_health,
    routes_metadata,
)
from sidecar.http.authentication import Access
from sidecar.http.endpoints import ENDPOINTS
from sidecar.http.environment import Environment, Limits, utc_now
from sidecar.http.flask_app import new_app
from sidecar.http.flask_response import rendered
from sidecar.http.json_body import prepare
from sidecar.http.message import RequestHead
from sidecar.http.pagination import Paging
from sidecar.http.service import Service
from sidecar.http.subjects import TokenVerifier
from sidecar.metrics import Counters
from sidecar.watch import elapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """What an operator sets for AuthZEN."""

    public_url: str = ""
    """The URL that callers know us by; without it there is no metadata."""

    context: bool = True
    """Whether decisions have a `context` where there are no obligations to be seen to."""

    paging: Paging = field(default_factory=Paging)


DEFAULT_LIMITS = Limits()


def create_app(  # noqa: PLR0913  one argument for each part that may be left out
    pairs: Pairs,
    now: Callable[[], datetime] = utc_now,
    limits: Limits = DEFAULT_LIMITS,
    standard: Standard | None = None,
    *,
    counters: Counters | None = None,
    log: DecisionLog | None = None,
    access: Access | None = None,
    tokens: TokenVerifier | None = None,
    max_staleness: float = inf,
    min_revision_seconds: float = 0.0,
    request_look: Callable[[], None] | None = None,
    health: Callable[[], Health] | None = None,
) -> Flask:
    """Connect the service to a source of pairs and a clock.

    Args:
        pairs: The source of pairs.
        now: The clock.
        limits: Of one request.
        standard: The settings for AuthZEN; without it tokens of pages are good for this
            application alone.
        counters: Count what is answered; without them nobody sees the counts.
        log: The decision log; without it no decision is logged.
        access: Who may ask; without it everybody who can reach us.
        tokens: Verifies the tokens of a gateway's clients; without it none is valid.
        max_staleness: Facts that nobody has seen to be current for so many seconds answer nothing.
        min_revision_seconds: How long a request waits for the facts of its `min_revision`.
        request_look: Has the source of facts looked at before its time, for such a request.
        health: Returns the health of the sidecar; without it this process is all of it.
    """
    standard = standard or Standard()
    prepare()
    access = access or Access()
    app = new_app(access, limits.max_body_bytes + 1)  # see `_whole_body`
    environment = Environment(
        current=pairs.current,
        age=pairs.age,
        follows=pairs.follows,
        now=now,
        limits=limits,
        paging=standard.paging,
        counters=counters or Counters(),
        log=log,
        tokens=tokens,
        max_staleness=max_staleness,
        min_revision_seconds=min_revision_seconds,
        request_look=request_look,
        with_context=standard.context,
    )
    _register_service(app, Service(environment, access))
    app.register_blueprint(routes_metadata.blueprint(standard.public_url))
    app.register_blueprint(routes_catalog.blueprint(pairs.current))
    app.register_blueprint(openapi.blueprint(standard.public_url, tokens=access.asks))
    health = health or _own_health(pairs, log, access, tokens, max_staleness)
    app.register_blueprint(routes_health.blueprint(health, access))
    return app


def service_of(app: Flask) -> Service:
    """Return the service behind an application."""
    service: Service = app.extensions[_SERVICE]
    return service


_SERVICE = "sidecar.service"


def _register_service(app: Flask, service: Service) -> None:
    app.extensions[_SERVICE] = service

    def view() -> flask.Response:
        head = RequestHead.of(request.environ)
        return rendered(service.answer(request.path, head, _whole_body()))

    for each in ENDPOINTS:
        if each.respond is not None:
            methods = ["POST"] if each.questions else ["GET"]
            app.add_url_rule(each.path, each.path, view, methods=methods)


def _whole_body() -> bytes:
    """Return all that the present caller sent.

    Raises:
        RequestEntityTooLarge: It is longer than it may be.
    """
    # Of a body that comes in pieces, werkzeug returns the first `max_content_length` bytes as if
    # they were all; so it is told one more than may be, and that one is counted here.
    most = request.max_content_length
    body = request.get_data(cache=False)
    if most is not None and len(body) >= most:
        raise RequestEntityTooLarge
    return body


def _own_health(
    pairs: Pairs,
    log: DecisionLog | None,
    access: Access,
    tokens: TokenVerifier | None,
    max_staleness: float,
) -> Callable[[], Health]:
    """Return the health of a sidecar that is this process alone."""
    reporter = Reporter(
        pairs=pairs, log=log, max_staleness=max_staleness, access=access, verifier=tokens
    )
    return lambda: health_of([reporter.report()], elapsed(), max_staleness)
