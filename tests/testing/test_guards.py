"""The guards of asynchronous frameworks before a PDP in the process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sidecar.client.fastapi_guard import Guard as FastAPIGuard
from sidecar.client.starlette_guard import Guard as StarletteGuard
from sidecar.testing import PDP
from sidecar.testing.clients import InProcessPDP
from tests.client.services import serving_asgi
from tests.paths import ROOT
from tests.patience import PATIENCE


def fastapi_service(pdp: InProcessPDP) -> ASGIApp:
    def subject(request: Request) -> str:
        return f"user:{request.headers['X-User']}"

    app = FastAPI()
    guard = FastAPIGuard(pdp.async_client(), subject=subject)
    dependency = guard.requires("numbers.edit", resource="account:{account}")

    @app.get("/{account}", dependencies=[dependency])
    async def view(account: str) -> str:
        return account

    return app


def starlette_service(pdp: InProcessPDP) -> ASGIApp:
    guard = StarletteGuard(pdp.async_client(), lambda r: f"user:{r.headers['X-User']}")

    @guard.requires("numbers.edit", resource="account:{account}")
    async def view(_: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse("")

    return Starlette(routes=[Route("/{account}", view)])


@pytest.mark.parametrize("make", [fastapi_service, starlette_service])
def test_a_guard_decides_as_the_policy(make: Callable[[InProcessPDP], ASGIApp]) -> None:
    pdp = PDP.of_pack(ROOT / "policies", world="demo")
    statuses = []

    with serving_asgi(make(pdp)) as port:
        for user in ("bob", "mallory"):
            with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
                connection.request("GET", "/acme", headers={"X-User": user})
                statuses.append(connection.getresponse().status)

    assert statuses == [200, 403]
