"""Where the server listens, and what becomes of the file of a Unix socket."""

from __future__ import annotations

import errno
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.errors import InvalidSettingError
from sidecar.server import sockets
from sidecar.server.sockets import Address, SocketFile, listen, resolve


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for each in made:
        each.close()


def unix(path: Path) -> list[Address]:
    return [Address(socket.AF_UNIX, str(path))]


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
def test_a_unix_socket_has_its_mode_from_the_beginning(
    path: Path, opened: list[socket.socket], mode: int
) -> None:
    opened += listen(unix(path), mode)

    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_socket_that_a_dead_server_left_is_taken(path: Path, opened: list[socket.socket]) -> None:
    (dead,) = listen(unix(path), 0o600)
    dead.close()

    opened += listen(unix(path), 0o600)

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("backlog", [5, 0])
def test_the_socket_of_a_live_server_is_not_taken(
    path: Path, opened: list[socket.socket], backlog: int
) -> None:
    (live,) = listen(unix(path), 0o600)
    live.listen(backlog)
    opened.append(live)
    for _ in range(backlog + 1 if backlog == 0 else 0):
        client = socket.socket(socket.AF_UNIX)
        opened.append(client)
        client.connect(str(path))
    before = path.stat().st_ino

    with pytest.raises(InvalidSettingError, match="another server listens at"):
        listen(unix(path), 0o600)

    assert path.stat().st_ino == before


def test_a_file_that_is_no_socket_is_told_and_left(path: Path) -> None:
    path.write_text("mine")

    with pytest.raises(InvalidSettingError, match="is a file and no socket: remove it"):
        listen(unix(path), 0o600)

    assert path.read_text() == "mine"


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="cannot be listened at: No such file"):
        listen(unix(tmp_path / "none" / "s"), 0o600)


def test_only_its_own_socket_is_removed(path: Path, opened: list[socket.socket]) -> None:
    opened += listen(unix(path), 0o600)
    own = SocketFile.of(str(path))
    path.rename(path.with_name("old"))
    opened += listen(unix(path), 0o600)
    other = SocketFile.of(str(path))

    own.remove()
    left = path.exists()
    other.remove()

    assert left
    assert not path.exists()
    other.remove()  # and nothing happens where it is gone


def test_a_name_with_two_addresses_is_listened_at_both_at_the_same_port(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(*_: object, **__: object) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    opened += listen(resolve("localhost:0"), 0o600)

    names = [each.getsockname()[:2] for each in opened]
    assert [host for host, _ in names] == ["127.0.0.1", "::1"]
    assert len({port for _, port in names}) == 1
    for host, port in names:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as client:
            client.connect((host, port))


def test_of_two_addresses_one_that_the_machine_lacks_is_left_out(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bind = sockets._bind_tcp  # noqa: SLF001  no test machine can be told to lack IPv6

    def lacking(sock: socket.socket, address: Address) -> None:
        if address.family is socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        bind(sock, address)

    monkeypatch.setattr(sockets, "_bind_tcp", lacking)
    six, four = Address(socket.AF_INET6, "::1"), Address(socket.AF_INET, "127.0.0.1")

    opened += listen([four, six], 0o600)
    opened += listen([six, four], 0o600)

    assert [each.family for each in opened] == [socket.AF_INET] * 2
    assert "`[::1]:0` is not listened at" in caplog.text
    with pytest.raises(InvalidSettingError, match="Cannot assign requested address"):
        listen([six], 0o600)


def test_an_address_in_use_is_tried_again(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = listen([Address(socket.AF_INET, "127.0.0.1")], 0o600)
    port = first.getsockname()[1]
    slept: list[float] = []

    def leave(seconds: float) -> None:
        slept.append(seconds)
        first.close()

    monkeypatch.setattr(time, "sleep", leave)

    opened += listen([Address(socket.AF_INET, "127.0.0.1", port)], 0o600)

    assert slept == [1.0]
    monkeypatch.setattr(time, "sleep", slept.append)
    with pytest.raises(InvalidSettingError, match="in use"):
        listen([Address(socket.AF_INET, "127.0.0.1", port)], 0o600)
