"""What proxies make of HTTP/2 is authorized like HTTP/1.1, and cannot become two requests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.system.gateways import http2_attacks
from tests.system.gateways.gateway import Gateway
from tests.system.gateways.http2 import request2, send2
from tests.system.gateways.oracle import faults
from tests.system.gateways.proxies import PROXIES
from tests.system.gateways.upstream import OK, recording


@pytest.fixture(scope="module", params=PROXIES, ids=lambda proxy: proxy.name)
def gateway(
    request: pytest.FixtureRequest,
    sidecars: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """A proxy that speaks HTTP/2, as it does behind TLS."""
    proxy = request.param
    directory = tmp_path_factory.mktemp("http2") / proxy.name
    with (
        recording() as service,
        proxy.running(
            directory, "header", sidecars["header"], service.port, edit=proxy.http2
        ) as port,
    ):
        yield Gateway(proxy, "header", port, service)


def test_route_is_open_to_those_who_may_use_it_and_to_nobody_else(gateway: Gateway) -> None:
    gateway.service.taken()
    for subject, is_permitted in (("bob", True), ("cy", False)):
        fields = request2(b"PUT", b"/projects/alpha?a", gateway.credentials(subject))

        came = send2(gateway.port, fields, b"hello")

        assert (OK[-8:] in came) == is_permitted
        received = gateway.service.taken()
        assert [one.line for one in received] == [b"PUT /projects/alpha?a HTTP/1.1"] * is_permitted
        assert [fault for one in received for fault in faults(one, subject)] == []


@pytest.mark.parametrize("body", [b"", http2_attacks.BODY], ids=["without a body", "with a body"])
def test_no_request_becomes_another(gateway: Gateway, body: bytes) -> None:
    own = gateway.credentials("bob")
    gateway.service.taken()

    # Envoy lets clients wait where it refuses: these wait together.
    with ThreadPoolExecutor(16) as clients:
        list(clients.map(partial(send2, gateway.port, body=body), http2_attacks.heads(own)))
    after = send2(gateway.port, request2(b"GET", b"/projects/alpha", own))

    assert OK[-8:] in after
    assert [fault for one in gateway.service.taken() for fault in faults(one, "bob")] == []
