"""Services whose views are guarded, behind real servers: Flask, Starlette and FastAPI."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI
from flask import Flask
from flask import g as flask_globals
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from werkzeug.serving import WSGIRequestHandler, make_server

from sidecar.client import Client, Decision, Entity
from sidecar.client import guard as flask_guard
from sidecar.client.async_client import AsyncClient
from sidecar.client.fastapi_guard import Guard as FastAPIGuard
from sidecar.client.starlette_guard import Guard as StarletteGuard
from tests.e2e.running import until
from tests.patience import PATIENCE

FRAMEWORKS = ("flask", "starlette", "starlette-thread", "starlette-class", "fastapi")
ACTION = "numbers.edit"
RESOURCE = "account:{account}"


class Services:
    """One service of each framework; what is asked of them by HTTP."""

    def __init__(
        self, url: str, seconds: float, clients: tuple[Client, AsyncClient] | None = None
    ) -> None:
        self.ran: list[str] = []
        """The accounts of the views that ran."""
        self.blocking, self.asynchronous = clients or (
            Client(url, seconds=seconds, token="ours"),  # noqa: S106  of nobody
            AsyncClient(url, seconds=seconds, token="ours"),  # noqa: S106
        )
        self.ports: dict[str, int] = {}
        self.is_asked = threading.Event()
        """Whether the sidecar has received the request that blocks the event loop."""
        self.blocked = threading.Event()
        """Whether the event loop is about to be blocked."""

    def get(self, framework: str, account: str = "acme", query: str = "") -> tuple[int, Any]:
        """Return the status and the JSON of a guarded view, or its text."""
        port = self.ports["flask" if framework == "flask" else "asgi"]
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            path = f"/{framework}/accounts/{account}{query}"
            connection.request("GET", path, headers={"X-Request-ID": "r-1", "X-User": "user:ana"})
            response = connection.getresponse()
            body = response.read().decode()
            if response.headers.get_content_type() != "application/json":
                return response.status, body
            content = json.loads(body)
            return response.status, content.get("detail", content)

    def flask(self) -> Flask:
        app = Flask(__name__)
        guard = flask_guard.Guard(self.blocking, subject=lambda: "user:ana")

        @app.get("/flask/accounts/<account>")
        @guard.requires(ACTION, resource=RESOURCE)
        def view(account: str) -> str:
            self.ran.append(account)
            return f"{account} {flask_globals.sidecar_decision.allowed}"

        return app

    def starlette(self) -> list[Route]:
        async def subject(request: Request) -> str:
            return request.headers["X-User"]

        guard = StarletteGuard(self.asynchronous, subject=subject)
        protect = guard.requires(ACTION, resource=RESOURCE)

        def run(request: Request) -> Response:
            self.ran.append(request.path_params["account"])
            decision = request.state.sidecar_decision
            return PlainTextResponse(f"{request.path_params['account']} {decision.allowed}")

        async def run_async(request: Request) -> Response:
            return run(request)

        class Endpoint(HTTPEndpoint):
            @protect
            async def get(self, request: Request) -> Response:
                return run(request)

        path = "/accounts/{account}"
        return [
            Route(f"/starlette{path}", protect(run_async)),
            Route(f"/starlette-thread{path}", protect(run)),
            Route(f"/starlette-class{path}", Endpoint),
        ]

    def fastapi(self) -> FastAPI:
        app = FastAPI()

        def subject(request: Request) -> Entity:
            return Entity.of(request.headers["X-User"])

        guard = FastAPIGuard(self.asynchronous, subject=subject)
        required = guard.requires(ACTION, resource=RESOURCE)

        async def view(account: str, decision: Any) -> Response:  # noqa: ANN401  annotated below
            self.ran.append(account)
            return PlainTextResponse(f"{account} {decision.allowed}")

        # In place of `from __future__ import annotations`, which finds no local name.
        view.__annotations__["decision"] = Annotated[Decision, required]
        app.get("/accounts/{account}", response_model=None)(view)
        return app

    def asgi(self) -> ASGIApp:
        """Return the services of Starlette and FastAPI, whose requests may be disturbed."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self.asynchronous)
                yield

        routes = [*self.starlette(), Mount("/fastapi", self.fastapi())]
        app = Starlette(routes=routes, lifespan=lifespan)

        async def disturbed(scope: Scope, receive: Receive, send: Send) -> None:
            query = scope.get("query_string", b"")
            if query == b"cancel":
                task = asyncio.ensure_future(app(scope, receive, send))
                await asyncio.to_thread(self.is_asked.wait, PATIENCE)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    await PlainTextResponse("cancelled", 504)(scope, receive, send)
            elif query == b"block":
                task = asyncio.ensure_future(app(scope, receive, send))
                await asyncio.to_thread(self.is_asked.wait, PATIENCE)
                self.blocked.set()
                time.sleep(0.6)  # noqa: ASYNC251  the event loop is blocked
                await task
            else:
                await app(scope, receive, send)

        return disturbed


@contextmanager
def serving_asgi(app: ASGIApp) -> Iterator[int]:
    """Run an application under uvicorn until the block ends, and yield its port."""
    config = uvicorn.Config(app, port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def running(
    url: str, seconds: float, clients: tuple[Client, AsyncClient] | None = None
) -> Iterator[Services]:
    """Run the services until the block ends.

    Args:
        url: Of the sidecar.
        seconds: How long a call of it may take.
        clients: In place of those for the URL.
    """
    services = Services(url, seconds, clients)
    with ExitStack() as stack:
        stack.enter_context(services.blocking)
        flask = make_server("127.0.0.1", 0, services.flask(), threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=flask.serve_forever)
        thread.start()
        stack.callback(flask.server_close)
        stack.callback(thread.join)
        stack.callback(flask.shutdown)
        services.ports["flask"] = flask.server_port
        services.ports["asgi"] = stack.enter_context(serving_asgi(services.asgi()))
        yield services
