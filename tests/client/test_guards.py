"""The guards behind real servers, before a sidecar that fails: no view runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sidecar.client import Client, Entity
from sidecar.client import guard as flask_guard
from sidecar.client.async_client import AsyncClient
from sidecar.client.fastapi_guard import Guard as FastAPIGuard
from sidecar.client.starlette_guard import Guard as StarletteGuard
from tests.client.scripted import ALLOW, CONFIRM, DENY, Piece, Reset, Scripted, chunked, respond
from tests.client.services import FRAMEWORKS, Services, running
from tests.e2e.running import until
from tests.patience import PATIENCE

ASYNCHRONOUS = [name for name in FRAMEWORKS if name != "flask"]
SECONDS = 0.3
LONG = 2.0
"""Seconds of silence, beyond the deadline."""


def body_of(allow: bytes) -> bytes:
    return allow.partition(b"\r\n\r\n")[2]


def authenticated(request: bytes) -> bytes:
    """Return an allow to those with the token of another service."""
    if b"Authorization: Bearer theirs\r\n" in request:
        return respond(ALLOW)
    return respond({"decision": False, "error": {"message": "no"}}, "401 Unauthorized")


FAULTS: dict[str, tuple[Piece, ...]] = {
    "it accepts and never answers": (LONG,),
    "it stops in the head": (respond(ALLOW)[:20], LONG),
    "it stops in the body": (respond(ALLOW)[:-1], LONG),
    "it trickles": tuple(piece for byte in respond(ALLOW) for piece in (bytes([byte]), 0.05)),
    "status 500": (respond(ALLOW, "500 Internal Server Error"),),
    "status 200 without a decision": (respond({}),),
    "JSON that is cut off": (respond(body_of(respond(ALLOW))[:-1]),),
    "a body that is cut off": (respond(ALLOW)[:-1], b""),
    "a chunk that is cut off": (chunked(ALLOW)[:-9], b""),
    "a reset in the middle": (respond(ALLOW)[:-1], 0.05, Reset()),
    "a reset at once": (Reset(),),
    "decision as a text": (respond({**ALLOW, "decision": "true"}),),
    "decision as a number": (respond({**ALLOW, "decision": 1}),),
    "decision twice": (respond(b'{"decision": false, ' + json.dumps(ALLOW).encode()[1:]),),
    "the decision of a batch": (respond({"answers": [ALLOW]}),),
    "the answer to another request": (respond(ALLOW, "200 OK", "X-Request-ID: r-2"),),
    "a wrong token": (authenticated,),
    "a redirect to an allow": (respond(ALLOW, "302 Found", "Location: /v1/other"),),
    "an informational response only": (b"HTTP/1.1 100 Continue\r\n\r\n", b""),
    "two lengths": (respond(ALLOW, "200 OK", "Content-Length: 5"),),
}


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


@pytest.fixture(scope="module")
def running_services(sidecar: Scripted) -> Iterator[Services]:
    with running(sidecar.url, SECONDS) as services:
        yield services


@pytest.fixture
def services(running_services: Services) -> Services:
    running_services.ran.clear()
    running_services.is_asked.clear()
    running_services.blocked.clear()
    return running_services


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_view_runs_on_an_allow(services: Services, sidecar: Scripted, framework: str) -> None:
    sidecar.script = (respond(ALLOW, "200 OK", "X-Request-ID: r-1"),)

    until(lambda: services.get(framework) == (200, "acme True"))

    assert services.ran == ["acme"]
    assert json.loads(body_of(sidecar.requests[-1])) == {
        "subject": {"type": "user", "id": "ana", "properties": {}},
        "action": {"name": "numbers.edit", "properties": {}},
        "resource": {"type": "account", "id": "acme", "properties": {}},
        "context": {},
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("script", FAULTS.values(), ids=FAULTS)
def test_no_view_runs_on_a_fault(
    services: Services, sidecar: Scripted, script: tuple[Piece, ...], framework: str
) -> None:
    sidecar.script = script

    status, body = services.get(framework)

    assert services.ran == []
    assert status == 503
    assert body == {
        "decision": False,
        "reasons": [
            {"code": "unavailable", "message": "Access cannot be checked now; try again later."}
        ],
    }


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("response", "code"),
    [(DENY, "not_granted"), ({**ALLOW, "obligations": [CONFIRM]}, "unfulfilled_obligation")],
    ids=["a denial", "an obligation that the view does not fulfil"],
)
def test_no_view_runs_on_a_denial(
    services: Services, sidecar: Scripted, response: object, code: str, framework: str
) -> None:
    sidecar.script = (respond(response),)
    statuses = set()

    def is_answered() -> bool:
        status, body = services.get(framework)
        statuses.add(status)
        return bool(body["reasons"][0]["code"] == code)

    until(is_answered)

    assert services.ran == []
    assert statuses <= {403, 503}


@pytest.mark.parametrize("framework", ASYNCHRONOUS)
def test_no_view_runs_if_its_task_is_cancelled(
    services: Services, sidecar: Scripted, framework: str
) -> None:
    def answer(_: bytes) -> bytes:
        services.is_asked.set()
        return b"HTTP/1.1"  # no response ends so

    sidecar.script = (answer, LONG)

    answered = services.get(framework, query="?cancel")
    sidecar.script = (respond(DENY),)
    until(lambda: services.get(framework)[0] == 403)

    assert answered[0] in {503, 504}
    assert services.ran == []


@pytest.mark.parametrize("framework", ASYNCHRONOUS)
def test_no_view_runs_if_the_event_loop_is_blocked_beyond_the_deadline(
    services: Services, sidecar: Scripted, framework: str
) -> None:
    def answer(_: bytes) -> bytes:
        services.is_asked.set()
        services.blocked.wait(PATIENCE)
        return respond(ALLOW)

    sidecar.script = (answer,)

    status, _ = services.get(framework, query="?block")

    assert (status, services.ran) == (503, [])


def test_no_view_runs_without_a_sidecar() -> None:
    with running("http://127.0.0.1:1", seconds=PATIENCE) as services:
        statuses = [services.get(framework)[0] for framework in FRAMEWORKS]

        assert statuses == [503] * len(FRAMEWORKS)
        assert services.ran == []


class Odd:
    """Has the truth value of an allow, and is none: a mock, or a call that is not awaited."""


class OddClient(Client):
    def authorize(self, *_: object, **__: object) -> Any:  # noqa: ANN401  that is the point
        return Odd()


class OddAsyncClient(AsyncClient):
    async def authorize(self, *_: object, **__: object) -> Any:  # type: ignore[override]  # noqa: ANN401
        return Odd()


def test_no_view_runs_on_an_object_that_is_no_decision() -> None:
    clients = OddClient("http://127.0.0.1:1"), OddAsyncClient("http://127.0.0.1:1")
    with running("", SECONDS, clients) as services:
        statuses = [services.get(framework)[0] for framework in FRAMEWORKS]

        assert statuses == [503] * len(FRAMEWORKS)
        assert services.ran == []


def test_a_guard_takes_no_client_of_the_other_kind() -> None:
    """The result of an asynchronous client that is not awaited must not be taken for an allow."""
    blocking, asynchronous = Client("http://127.0.0.1:1"), AsyncClient("http://127.0.0.1:1")

    with pytest.raises(TypeError, match="`Client`"):
        flask_guard.Guard(asynchronous, lambda: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`AsyncClient`"):
        StarletteGuard(blocking, lambda _: None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`AsyncClient`"):
        FastAPIGuard(blocking, Entity)  # type: ignore[arg-type]
