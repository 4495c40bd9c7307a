"""Other workers than ours, answering one constant: what a request costs behind each of them.

Our own floor beside these is what a worker of our own gains.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from flask import Flask, Response

from bench.peers import Asked
from bench.places import Place, free_port
from bench.servers import Peer
from bench.shapes import EVALUATION, authzen, constant, single

ANSWER = b'{"decision":true}'
JSON = "application/json"

WORKERS: Mapping[str, tuple[str, ...]] = {
    "constant: Flask view, gthread": ("--worker-class", "gthread", "--threads", "4", "view()"),
    "constant: gunicorn's ASGI worker": ("--worker-class", "asgi", "asgi"),
    "constant: uvicorn-worker": ("--worker-class", "uvicorn_worker.UvicornWorker", "asgi"),
}
"""What gunicorn is told, and which of the applications below it serves."""

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def peers(asked: Asked) -> Iterator[Peer]:
    """Yield each of them, asked single evaluations."""
    shape = constant(single(asked.questions, authzen))
    for name, (*options, application) in WORKERS.items():
        place = Place(free_port())
        yield Peer(
            name=name,
            command=[
                *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{place.port}"),
                *("--workers", "1", "--keep-alive", "75", "--log-level", "error"),
                *("--no-control-socket", *options),
                f"bench.peers.constants:{application}",
            ],
            place=place,
            shapes=[shape],
        )


def view() -> Flask:
    """Return a service with one view."""
    app = Flask(__name__)

    @app.post(EVALUATION)
    def evaluation() -> Response:
        return Response(ANSWER, mimetype=JSON)

    return app


async def asgi(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer each request when its body has come."""
    if scope["type"] != "http":  # the beginning and the end of the server's life
        return
    while (await receive()).get("more_body"):
        pass
    length = str(len(ANSWER)).encode()
    headers = [(b"content-type", JSON.encode()), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
