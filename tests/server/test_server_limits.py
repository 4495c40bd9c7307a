"""Limits of the server: open files, and which connection makes room."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from sidecar.config.settings import Settings
from sidecar.errors import InvalidSettingError
from sidecar.metrics import Counters
from sidecar.server.connections import Connections
from sidecar.server.limits import OTHER_DESCRIPTORS, Limits, require_descriptors
from sidecar.server.phase import Phase


@pytest.fixture
def open_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """The limits of this process, which a test may change."""
    limits = [(256, 1024)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    return iter([limits])


def test_the_limit_of_open_files_is_raised_as_far_as_it_is_needed(
    open_files: Iterator[list[tuple[int, int]]],
) -> None:
    (limits,) = open_files

    require_descriptors(100)
    require_descriptors(500)
    require_descriptors(1024 - OTHER_DESCRIPTORS)

    assert limits[1:] == [(500 + OTHER_DESCRIPTORS, 1024), (1024, 1024)]


def test_more_connections_than_open_files_are_refused_at_the_start(
    open_files: Iterator[list[tuple[int, int]]],
) -> None:
    (limits,) = open_files

    with pytest.raises(InvalidSettingError, match=r"needs 1064 open files, and the system allows"):
        require_descriptors(1000)

    assert len(limits) == 1


def test_every_limit_is_a_setting() -> None:
    limits = Limits.from_settings(Settings(max_connections=7))

    assert (limits.max_connections, limits.idle_seconds) == (7, 75.0)


class Fake:
    """A connection, as far as it matters which of them is closed."""

    def __init__(self, name: str, phase: Phase, deadline: float, *, admitted: bool) -> None:
        self.name = name
        self.phase = phase
        self.deadline = deadline
        self.is_admitted = admitted
        self.has_turn = False
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_strangers_make_room_before_clients_that_have_been_authenticated() -> None:
    connections = Connections(10, Counters())
    each = [
        Fake("busy", Phase.ANSWERING, 0.0, admitted=True),
        Fake("sends, known", Phase.RECEIVING, 1.0, admitted=True),
        Fake("idle, known", Phase.IDLE, 2.0, admitted=True),
        Fake("idle longer, known", Phase.IDLE, 1.0, admitted=True),
        Fake("idle, stranger", Phase.IDLE, 80.0, admitted=False),
        Fake("sends, stranger", Phase.RECEIVING, 5.0, admitted=False),
        Fake("sends longer, stranger", Phase.RECEIVING, 4.0, admitted=False),
        Fake("closes", Phase.CLOSING, 9.0, admitted=True),
    ]
    for connection in each:
        connections.add(connection)  # type: ignore[arg-type]

    order = []
    while connections.make_room():
        for connection in [one for one in each if one.aborted]:
            order.append(connection.name)
            connections.discard(connection)  # type: ignore[arg-type]
            each.remove(connection)

    assert order == [
        "closes",
        "sends longer, stranger",
        "sends, stranger",
        "idle, stranger",
        "idle longer, known",
        "idle, known",
        "sends, known",
    ]
    assert [one.name for one in each] == ["busy"]
