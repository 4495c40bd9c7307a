"""A proxy lets nothing through while the sidecar gives no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.system.gateways.attacks import FORGED
from tests.system.gateways.broken_sidecar import ANSWERS, WORKING, BrokenSidecar, broken_sidecar
from tests.system.gateways.client import Answer, basic, request, send
from tests.system.gateways.proxies import PROXIES, TOKEN, Proxy
from tests.system.gateways.upstream import OK, Upstream, recording
from tests.system.postgres import free_port


@dataclass(frozen=True)
class Broken:
    """A proxy that asks a broken sidecar."""

    proxy: Proxy
    sidecar: BrokenSidecar
    service: Upstream
    port: int

    def ask(self) -> Answer:
        """Send a request with everything that a client can forge."""
        fields = [(b"Authorization", basic("ana")), *FORGED]
        return send(self.port, request(b"GET", b"/projects/alpha", fields))


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def broken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broken]:
    proxy: Proxy = request.param
    directory = tmp_path_factory.mktemp("broken") / proxy.name
    with (
        recording() as service,
        broken_sidecar() as sidecar,
        proxy.running(directory, "header", sidecar.port, service.port) as port,
    ):
        yield Broken(proxy, sidecar, service, port)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_answer_that_is_not_the_sidecars_lets_nothing_through(
    broken: Broken, answer: bytes
) -> None:
    broken.sidecar.answer = answer

    came = broken.ask().sent_back

    assert broken.service.taken() == []
    assert came
    assert not came.endswith(OK[-8:])


def test_sidecar_that_does_not_answer_in_time_lets_nothing_through(broken: Broken) -> None:
    broken.sidecar.is_silent = True

    status = broken.ask().status

    broken.sidecar.is_silent = False
    assert broken.service.taken() == []
    assert status == broken.proxy.status_on_silence


def test_answer_of_the_sidecar_lets_the_same_request_through(broken: Broken) -> None:
    broken.sidecar.answer = WORKING

    assert broken.ask().status == 200
    (received,) = broken.service.taken()
    assert received.values(b"x-auth-subject") == [b"ana"]


def test_sidecar_gets_the_trace_of_the_client_and_not_its_password(broken: Broken) -> None:
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    fields = [(b"Authorization", basic("ana")), (b"Traceparent", trace)]

    send(broken.port, request(b"GET", b"/projects/alpha", fields))

    asked = broken.sidecar.asked.lower()
    assert b"\r\nx-user-id: ana\r\n" in asked
    assert b"\r\ntraceparent: " + trace in asked
    assert b"\r\nauthorization:" not in asked


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name)
def test_nothing_gets_through_where_no_sidecar_listens(
    proxy: Proxy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("down") / proxy.name
    with (
        recording() as service,
        proxy.running(directory, "header", free_port(), service.port) as port,
    ):
        own = [(b"Authorization", basic("ana"))]
        answer = send(port, request(b"GET", b"/projects/alpha", own))

        assert answer.status == proxy.status_on_failure
        assert service.taken() == []


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name)
def test_nothing_gets_through_with_a_token_of_the_proxy_that_the_sidecar_does_not_know(
    proxy: Proxy, sidecars: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("token") / proxy.name
    with (
        recording() as service,
        proxy.running(
            directory, "header", sidecars["header"], service.port, token=TOKEN[::-1]
        ) as port,
    ):
        own = [(b"Authorization", basic("ana"))]
        answer = send(port, request(b"GET", b"/projects/alpha", own))

        assert answer.status == 401
        assert service.taken() == []
