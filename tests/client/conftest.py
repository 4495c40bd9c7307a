"""Fixtures of the tests of the client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.scripted import Piece, Scripted, StartServer


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    made: list[Scripted] = []

    def script(*pieces: Piece) -> Scripted:
        made.append(Scripted(*pieces))
        return made[-1]

    yield script
    for server in made:
        server.close()
