"""Too many connections, too few descriptors, no disk, a worker that stands still."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.running import Sidecar, serving, until
from tests.stress.load import ALWAYS, REQUESTS, is_right, is_sound, load, tell

pytestmark = pytest.mark.e2e

HEAD = b"POST /v1/authorize HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@contextmanager
def connected(sidecar: Sidecar, number: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        address = ("127.0.0.1", sidecar.port)
        yield [stack.enter_context(socket.create_connection(address)) for _ in range(number)]


@contextmanager
def dripping(clients: list[socket.socket]) -> Iterator[None]:
    """Send a byte of a header field on each of them twice a second; begin anew when refused."""
    end = threading.Event()

    def drip() -> None:
        for each in clients:
            each.sendall(HEAD + b"X-Slow: ")
        while not end.wait(0.5):
            for each in clients:
                try:
                    each.send(b"a")
                except OSError:
                    continue

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_1500_idle_and_200_dripping_connections_keep_nobody_waiting(root: Path) -> None:
    options = ("--max-connections", "2000", "--transfer-seconds", "60")
    with serving(root, *options) as sidecar:
        with load(sidecar.port, ALWAYS) as alone:
            alone.reach(REQUESTS)
        with connected(sidecar, 1500) as idle, connected(sidecar, 200) as slow, dripping(slow):
            for each in idle:
                each.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                assert each.recv(4096).startswith(b"HTTP/1.1 200 ")
            with load(sidecar.port, ALWAYS) as clients:
                clients.reach(REQUESTS)

    tell("nobody else", alone)
    tell("1,500 idle and 200 dripping connections", clients)
    assert is_sound(clients)


def test_strangers_that_take_all_connections_take_none_from_those_that_ask(root: Path) -> None:
    """As many descriptors as the setting needs, and more connections than it allows."""
    limit = 300
    descriptors = ("sh", "-c", 'ulimit -n 400; exec "$@"', "sh")
    options = ("--max-connections", str(limit))
    with (
        serving(root, *options, workers=1, through=descriptors) as sidecar,
        connected(sidecar, 2 * limit) as strangers,
    ):
        for each in strangers:
            with suppress(OSError):  # it has made room for another
                each.send(b"POST /v1/auth")
        with load(sidecar.port, ALWAYS) as clients:
            clients.reach(REQUESTS)

    tell(f"{2 * limit} unfinished connections where {limit} may be", clients)
    assert is_sound(clients)


def test_while_the_log_cannot_grow_nothing_is_decided_and_then_all_is_again(root: Path) -> None:
    """A limit of the size of files stands for a full disk; a rotation makes room."""
    log = root / "decisions"
    size = ("sh", "-c", 'ulimit -f 4096; exec "$@"', "sh")  # 2 or 4 MiB, by the shell
    with (
        serving(root, "--decision-log", str(log), through=size) as sidecar,
        load(sidecar.port, ALWAYS) as clients,
    ):
        until(lambda: sidecar.ready()[1]["problems"])
        full = clients.count()
        log.rename(root / "decisions.1")
        clients.reach(full + 1000)
        log.rename(root / "decisions.2")
        clients.reach(full + 2000)

    tell("a full disk, and two rotations", clients)
    assert is_right(clients)
    assert clients.failures > 0
    assert all(each.startswith("http/1.1 503 ") for each in clients.failed)
    lines = sum(_lines(root / name) for name in ("decisions", "decisions.1", "decisions.2"))
    assert lines >= clients.answered, "each answer has its line"


def _lines(file: Path) -> int:
    return file.read_bytes().count(b'"decision_id"')


def test_a_worker_that_stands_still_keeps_the_others_from_nothing(root: Path) -> None:
    options = ("--decision-log", str(root / "decisions"))
    with (
        serving(root, *options, workers=3) as sidecar,
        load(sidecar.port, ALWAYS, connections=32) as clients,
    ):
        for worker in sidecar.workers():
            clients.reach(clients.count() + REQUESTS / 10)
            os.kill(worker, signal.SIGSTOP)
            clients.reach(clients.count() + REQUESTS / 10)
            time.sleep(1)
            os.kill(worker, signal.SIGCONT)
        clients.reach(REQUESTS)

    tell("workers that stood still", clients)
    assert is_sound(clients)
