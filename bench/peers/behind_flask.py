"""Libraries behind Flask, as a service would put them: a view, gunicorn, threads, no token."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Flask, jsonify, request

from bench.engines import load
from bench.facts import read_facts
from bench.peers import Asked
from bench.places import Place, free_port
from bench.questions import DEMO
from bench.servers import Peer
from bench.shapes import EVALUATION, EVALUATIONS, authzen, batch, single

LIBRARIES = ("casbin", "cedarpy", "Oso")
_THREADS = 4


def peers(asked: Asked) -> Iterator[Peer]:
    """Yield each library, asked in AuthZEN's words."""
    few = asked.grouped[:4]  # Oso answers one in a fraction of a second
    for name in LIBRARIES:
        place = Place(free_port())
        yield Peer(
            name=f"Flask + {name}",
            command=[
                *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{place.port}"),
                *("--workers", "1", "--worker-class", "gthread", "--threads", str(_THREADS)),
                *("--keep-alive", "75", "--log-level", "error", "--no-control-socket"),
                f"bench.peers.behind_flask:create('{name}')",
            ],
            place=place,
            shapes=[single(asked.questions, authzen), batch(few, authzen)],
        )


def create(name: str) -> Flask:
    """Return a service around one library, with the demo world in memory."""
    engine = load(name, read_facts(DEMO), datetime.now(UTC))
    app = Flask(__name__)

    def decision(asked: dict[str, Any]) -> dict[str, bool]:
        allowed = engine.allows(
            asked["subject"]["id"], asked["action"]["name"], asked["resource"]["id"]
        )
        return {"decision": allowed}

    @app.post(EVALUATION)
    def evaluation() -> Any:  # noqa: ANN401  Flask's
        return jsonify(decision(request.get_json()))

    @app.post(EVALUATIONS)
    def evaluations() -> Any:  # noqa: ANN401  Flask's
        asked = request.get_json()["evaluations"]
        return jsonify({"evaluations": [decision(each) for each in asked]})

    return app
