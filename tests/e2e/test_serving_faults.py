"""What a busy, stopped or restarted sidecar owes to its clients."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.decision_lines import lines_of_answers
from tests.e2e.admin import ADMIN, Operator
from tests.e2e.databases import make_database
from tests.e2e.killing import children
from tests.e2e.running import (
    EDIT,
    Sidecar,
    ask,
    beginning_with,
    copy_pack,
    posted,
    serving,
    start,
    until,
    write,
)
from tests.patience import PATIENCE, lenient

pytestmark = pytest.mark.e2e

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105  made up

EXPLAINED = {**EDIT, "explain": True}
SLOW = json.dumps({**EXPLAINED, "requests": [{}] * 1000}).encode()
"""It takes a thread seconds, and looks whether it is cancelled between two items."""


def health(sidecar: Sidecar) -> int:
    with closing(sidecar.connect()) as connection:
        connection.request("GET", "/healthz")
        return connection.getresponse().status


def send(sidecar: Sidecar, stack: ExitStack, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE)
    stack.enter_context(client)
    client.sendall(sent)
    return client


def first_line(client: socket.socket) -> bytes:
    return client.recv(65536).partition(b"\r\n")[0]


# --- slow work ----------------------------------------------------------------------------------


def test_neither_health_nor_decisions_wait_behind_slow_work_nor_does_the_stop(root: Path) -> None:
    """Sixty batches of explanations take minutes; what is told to be late does not go on."""
    options = ("--request-seconds", "5", "--stop-seconds", "60")
    with serving(root, *options, workers=1) as sidecar, ExitStack() as stack:
        clients = [send(sidecar, stack, posted(SLOW)) for _ in range(60)]
        begun = time.monotonic()
        told = [health(sidecar), sidecar.ask("/v1/authorize", EDIT)[0], sidecar.ready()[0]]
        took = time.monotonic() - begun
        lines = [first_line(client) for client in clients]
        begun = time.monotonic()
        explained = sidecar.ask("/v1/authorize", EXPLAINED)[0]
        sidecar.process.terminate()
        status = sidecar.process.wait(PATIENCE)
        stopped = time.monotonic() - begun

    assert (told, explained, status) == ([200] * 3, 200, 0)
    assert lines.count(b"HTTP/1.1 503 SERVICE UNAVAILABLE") > 10
    assert took < lenient(3), "the slow requests take minutes"
    assert stopped < lenient(4), "what nobody waits for must not hold up the stop"


def test_clients_without_a_token_cannot_take_the_place_of_those_that_have_one(
    root: Path,
) -> None:
    tokens = root / "tokens"
    tokens.write_text(f"{SECRET}\n")
    tokens.chmod(0o600)
    bearer = f"Authorization: Bearer {SECRET}"
    ready = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
    options = ("--tokens", str(tokens), "--max-waiting", "1", "--threads", "1")
    with serving(root, *options, workers=1) as sidecar, ExitStack() as stack:
        stranger = send(sidecar, stack, posted(SLOW).replace(b"Connection: close\r\n", b""))
        refused = first_line(stranger)
        stranger.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        goes_on = first_line(stranger)
        for _ in range(40):
            send(sidecar, stack, ready * 20)
        slow = send(sidecar, stack, posted(json.dumps(EXPLAINED).encode(), bearer))
        explained = first_line(slow)
        fast = sidecar.ask("/v1/authorize", EDIT, Authorization=f"Bearer {SECRET}")[0]

    assert refused == b"HTTP/1.1 401 UNAUTHORIZED"
    assert (goes_on, explained, fast) == (b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", 200)


# --- stopping -----------------------------------------------------------------------------------


@pytest.mark.parametrize("listening", ["tcp", "unix"])
def test_at_a_stop_clients_that_have_not_been_accepted_are_answered(
    root: Path, listening: str
) -> None:
    path = root / "s"
    options = ("--bind", f"unix:{path}") if listening == "unix" else ()
    request = posted(json.dumps(EDIT).encode()).replace(b"Connection: close\r\n", b"")
    with serving_at(root, *options) as sidecar, ExitStack() as stack:
        with sidecar.standing_still():
            clients = []
            for _ in range(16):
                client = _connect(sidecar, path if listening == "unix" else None)
                stack.enter_context(client)
                client.sendall(request)
                clients.append(client)
            sidecar.process.terminate()
            # The log says that the master stops before the workers are told to.
            until(lambda: all(map(_is_told_to_stop, sidecar.living())))
        responses = [_read_all(client) for client in clients]
        status = sidecar.process.wait(PATIENCE)

    assert status == 0
    assert all(response.startswith(b"HTTP/1.1 200 ") for response in responses)
    assert all(b"\r\nConnection: close\r\n" in response for response in responses)


def _is_told_to_stop(worker: int) -> bool:
    """Tell whether a worker that stands still has a SIGTERM to handle once it goes on."""
    status = Path(f"/proc/{worker}/status").read_text()
    pending = int(status.partition("ShdPnd:")[2].split()[0], 16)
    return bool(pending & 1 << signal.SIGTERM - 1)


def _connect(sidecar: Sidecar, path: Path | None) -> socket.socket:
    if path is None:
        return socket.create_connection(("127.0.0.1", sidecar.port), timeout=PATIENCE)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(path))
    return client


def _read_all(client: socket.socket) -> bytes:
    received = b""
    while piece := client.recv(65536):
        received += piece
    return received


@contextmanager
def serving_at(root: Path, *options: str) -> Iterator[Sidecar]:
    """Run it with two workers, at a port or at a Unix socket, and let a test stop it."""
    process = start(root, "--port", "0", "--workers", "2", *options)
    log = root / "log"
    try:
        until(lambda: log.read_text().count("Booting worker") == 2)
        found = re.search(r"Listening at: http://[0-9.]+:(\d+)", log.read_text())
        yield Sidecar(process, int(found[1]) if found else 0, root)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_a_socket_is_neither_taken_from_a_live_server_nor_removed_for_another(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = root / "s"
    other_root = copy_pack(tmp_path_factory.mktemp("other"))
    with serving_at(root, "--bind", f"unix:{path}") as first:
        mode = path.stat().st_mode & 0o777
        refused = start(other_root, "--bind", f"unix:{path}")
        status, said = refused.wait(PATIENCE), (other_root / "log").read_text()
        path.unlink()
        with serving_at(other_root, "--bind", f"unix:{path}"):
            first.process.terminate()
            first.process.wait(PATIENCE)
            left = path.exists()

    assert (mode, status) == (0o660, 2)
    assert f"another server listens at `{path}`" in said
    assert "Traceback" not in said
    assert left
    assert not path.exists()


def test_a_file_at_the_path_of_the_socket_is_told(root: Path) -> None:
    path = root / "s"
    path.write_text("mine")
    process = start(root, "--bind", f"unix:{path}")

    assert process.wait(PATIENCE) == 2
    assert "is a file and no socket: remove it" in (root / "log").read_text()
    assert "Traceback" not in (root / "log").read_text()


# --- workers that are started anew --------------------------------------------------------------


def test_told_to_start_its_workers_anew_it_keeps_the_last_good_answers_of_bad_files(
    sidecar: Sidecar,
) -> None:
    policy, users = sidecar.policies / "main.polar", sidecar.data / "users.yaml"
    write(policy, policy.read_text() + 'allow(_: User{id: "rex"}, _: Action, _: Account);\n')
    until(sidecar.has_taken(3))
    before = sidecar.ask("/v1/authorize", EDIT)[1]["revisions"]
    write(policy, policy.read_text() + "\nthis is no policy\n")
    write(users, users.read_text() + "- {id: zoe, email: zoe at home}\n")
    until(lambda: [len(told["problems"]) for _, told in sidecar.each(sidecar.ready)] == [2, 2])

    old = sidecar.workers()
    sidecar.process.send_signal(signal.SIGHUP)
    until(lambda: not any(_lives(worker) for worker in old))
    ready = sidecar.each(sidecar.ready)
    os.kill(sidecar.workers()[-1], signal.SIGKILL)
    until(lambda: len(sidecar.workers()) == len(old) + 3)
    until(sidecar.has_taken(6))

    assert [(status, told["revisions"]) for status, told in ready] == [(200, before)] * 2
    assert sidecar.ask("/v1/authorize", EDIT)[1]["decision"] is True


def test_told_to_start_another_master_it_starts_what_it_was_started_as(root: Path) -> None:
    """Both listen at the same sockets; then the old one is stopped, as at an upgrade."""
    with serving(root, *ADMIN) as sidecar:
        operator = Operator(sidecar)
        sidecar.process.send_signal(signal.SIGUSR2)
        until(lambda: len(sidecar.workers()) == 4)
        new = int(re.findall(r"Listening at: \S+ \((\d+)\)", sidecar.log())[-1])
        try:
            sidecar.process.terminate()
            status = sidecar.process.wait(PATIENCE)
            told = sidecar.ask("/v1/authorize", EDIT)
            until(lambda: operator.get("/readyz")[0] == 200)
            processes = operator.get("/v1/status")[1]["processes"]
        finally:
            os.kill(new, signal.SIGKILL)
        until(lambda: not any(_lives(each["pid"]) for each in processes))

    assert (status, told[0], told[1]["decision"]) == (0, 200, True)
    assert [each["pid"] for each in processes if each["kind"] == "master"] == [new]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- the decision log ---------------------------------------------------------------------------

SCARCE = """\
import threading

start, tried = threading.Thread.start, []


def scarcely(thread):
    if thread.name == "decision log":
        tried.append(thread)
        if len(tried) % 2:
            raise RuntimeError("can't start new thread")
    start(thread)


threading.Thread.start = scarcely
"""
"""Lets the system have no thread for the decision log when it is first wanted."""


def test_a_worker_without_a_thread_for_its_decision_log_answers_once_it_has_one(root: Path) -> None:
    """Neither without the one that follows the file, nor without the one that writes to it."""
    variables = beginning_with(SCARCE, root / "scarce")
    with serving(root, "--decision-log", "decisions", workers=1, variables=variables) as sidecar:
        told = sidecar.ask("/v1/authorize", EDIT)
        log = sidecar.log()

    (line,) = lines_of_answers(root / "decisions")
    assert (told[0], line["decision_id"]) == (200, told[1]["decision_id"])
    assert log.count("there is no thread to be had; trying again") == 1
    assert log.count("no thread can be started; trying again") == 1


@pytest.mark.parametrize("how", ["deleted", "moved", "rotated"])
def test_a_decision_log_that_is_gone_is_held_open_by_nobody(root: Path, how: str) -> None:
    """So that deleting it frees its space, also in processes that have nothing to log."""
    log = root / "decisions"
    make_database(root / "facts.sqlite", root / "fixtures", root / "data")
    options = ("--decision-log", "decisions", "--decision-log-max-bytes", "5000")
    facts = ("--data", "sqlite:facts.sqlite", "--store", "store", *ADMIN)
    with serving(root, *options, *facts) as sidecar:
        until(lambda: sidecar.ask("/v1/authorize", EDIT)[0] == 200)
        sidecar.each(lambda: sidecar.ask("/v1/authorize", EDIT))
        workers = len(set(re.findall(r'"chain":"([^"]+)"', log.read_text())))
        gone = log.stat().st_ino
        if how == "deleted":
            log.unlink()
        elif how == "moved":
            log.rename(root / "decisions.1")
        else:
            while log.stat().st_ino == gone:
                sidecar.ask("/v1/authorize", EDIT)
        processes = {sidecar.process.pid, *children(sidecar.process.pid)}
        until(lambda: not any(_holds(pid, gone) for pid in processes))

    assert workers == 2
    assert len(processes) == 1 + 2 + 1 + 1  # master, workers, follower, admin


def _holds(pid: int, inode: int) -> bool:
    """Tell whether a process has a file open."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            status = descriptor.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_ino == inode:
            return True
    return False


def test_the_same_connection_goes_on_after_a_503(root: Path) -> None:
    options = ("--max-waiting", "1", "--threads", "1")
    with serving(root, *options, workers=1) as sidecar, ExitStack() as stack:
        send(sidecar, stack, posted(SLOW))
        with closing(sidecar.connect()) as connection:
            told = []

            def busy() -> bool:
                told.append(ask(connection, "/v1/authorize", EXPLAINED)[0])
                return told[-1] == 503

            until(busy)
            told.append(ask(connection, "/v1/authorize", EDIT)[0])

    assert told[-2:] == [503, 200]
