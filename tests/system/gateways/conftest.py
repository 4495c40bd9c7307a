"""One sidecar for each way to identify the subject, and a service behind each proxy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.system.gateways.gateway import MODES, Gateway, asked
from tests.system.gateways.proxies import PROXIES
from tests.system.gateways.upstream import recording


@pytest.fixture(scope="session")
def sidecars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The port of a sidecar for each way to identify the subject."""
    with ExitStack() as running:
        yield {
            mode: running.enter_context(asked(tmp_path_factory.mktemp(mode), mode))
            for mode in MODES
        }


@pytest.fixture(
    scope="session",
    params=[(proxy, mode) for proxy in PROXIES for mode in MODES],
    ids=lambda param: f"{param[0].name}-{param[1]}",
)
def gateway(
    request: pytest.FixtureRequest,
    sidecars: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    proxy, mode = request.param
    directory = tmp_path_factory.mktemp("gateway") / proxy.name
    with (
        recording() as service,
        proxy.running(directory, mode, sidecars[mode], service.port) as port,
    ):
        yield Gateway(proxy, mode, port, service)
