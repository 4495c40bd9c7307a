"""The admin listener, against the sidecar as it is run: who may ask, and which process answers."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.e2e.admin import ADMIN, Operator
from tests.e2e.authority import Authority
from tests.e2e.running import EDIT, Sidecar, copy_pack, serving, start, until, write
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e

CALLER = "0123456789abcdef0123456789abcdef"
OPERATOR = "fedcba9876543210fedcba9876543210"
REACHABLE = "0.0.0.0:0"
ALIVE = (200, {"status": "ok"})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def keep(file: Path, token: str) -> str:
    write(file, f"{token}\n")
    file.chmod(0o600)
    return str(file)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar with tokens of its callers, and others of its operators."""
    root = copy_pack(tmp_path_factory.mktemp("guarded"))
    tokens = ("--tokens", keep(root / "tokens", CALLER))
    admin_tokens = ("--admin-tokens", keep(root / "admin-tokens", OPERATOR))
    with serving(root, *ADMIN, *tokens, *admin_tokens) as running:
        yield running


# --- who may ask --------------------------------------------------------------------------------


def test_each_listener_has_tokens_of_its_own(guarded: Sidecar) -> None:
    operator = Operator(guarded)

    assert operator.get("/v1/nothing")[0] == 401
    assert operator.get("/v1/nothing", **bearer(CALLER))[0] == 401
    assert operator.get("/v1/nothing", **bearer(OPERATOR))[0] == 404
    assert operator.get("/healthz") == ALIVE
    assert guarded.ask("/v1/authorize", EDIT, **bearer(OPERATOR))[0] == 401
    assert guarded.ask("/v1/authorize", EDIT, **bearer(CALLER))[0] == 200


def test_callers_are_not_answered_at_the_admin_listener(guarded: Sidecar) -> None:
    assert Operator(guarded, bearer(OPERATOR)).get("/v1/catalog")[0] == 404


def test_replaced_tokens_of_operators_are_taken(guarded: Sidecar) -> None:
    operator, tokens = Operator(guarded), guarded.root / "admin-tokens"
    keep(tokens, "a" * 32)
    until(lambda: operator.get("/v1/nothing", **bearer("a" * 32))[0] == 404)
    refused = operator.get("/v1/nothing", **bearer(OPERATOR))[0]
    keep(tokens, OPERATOR)
    until(lambda: operator.get("/v1/nothing", **bearer(OPERATOR))[0] == 404)

    assert refused == 401


def test_others_than_this_machine_need_a_token_and_no_certificate(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    public = ("--admin", REACHABLE, "--allow-anonymous", "yes-anyone-may-ask")
    refused = start(root, "--port", "0", *public).wait(PATIENCE)
    message = (root / "log").read_text()
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.sign("sidecar")
    tls = ("--certificate", str(certificate), "--key", str(key), "--client-ca", str(authority.file))
    tokens = ("--admin-tokens", keep(root / "admin-tokens", OPERATOR))
    with serving(root, *public, *tls, *tokens, workers=1) as sidecar:
        operator = Operator(sidecar, {}, authority.context())
        known = bearer(OPERATOR)
        until(lambda: operator.get("/v1/status", **known)[1]["callers"]["certificate_expires"])
        status = operator.get("/v1/status", **known)[1]
        strange = operator.get("/v1/status")[0]
        with pytest.raises(HTTPException):
            Operator(sidecar).get("/healthz")  # without TLS

    assert refused == 2
    assert "could ask for the state of the sidecar at `0.0.0.0:0`" in message
    assert "`--admin-tokens FILE`" in message
    assert strange == 401
    expiry = status["operators"]["certificate_expires"]
    assert expiry == status["callers"]["certificate_expires"]
    assert expiry.startswith("20")
    assert status["operators"]["client_ca"] is None
    assert status["callers"]["client_ca"] == str(authority.file)


# --- where it listens ---------------------------------------------------------------------------


def test_a_port_that_is_taken_is_an_error_that_names_the_option(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status = start(root, "--port", "0", "--admin", address).wait(PATIENCE)

    log = (root / "log").read_text()
    assert status == 2
    assert f"error: `{address}` cannot be listened at: Address already in use" in log
    assert "`--admin off`" in log


def test_at_a_unix_socket_it_takes_the_tokens_of_callers_if_told_to_and_ends_with_its_clients(
    root: Path,
) -> None:
    path, tokens = root / "admin", keep(root / "tokens", CALLER)
    options = ("--admin", f"unix:{path}", "--tokens", tokens, "--admin-tokens", tokens)
    with serving(root, *options, workers=1) as sidecar, socket.socket(socket.AF_UNIX) as client:
        operator = Operator(sidecar)
        process, mode = operator.process(), path.stat().st_mode & 0o777
        statuses = [operator.get("/v1/status", **headers)[0] for headers in ({}, bearer(CALLER))]
        client.connect(str(path))
        sidecar.process.terminate()
        ended = sidecar.process.wait(PATIENCE)

    assert (mode, statuses, ended) == (0o660, [401, 200], 0)
    assert not path.exists()
    assert not Path(f"/proc/{process}").exists()


# --- its process --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar for tests that kill its processes and leave it as it was."""
    with serving(copy_pack(tmp_path_factory.mktemp("asked")), *ADMIN) as running:
        yield running


def test_a_killed_admin_process_is_started_again_and_nobody_is_refused(asked: Sidecar) -> None:
    operator = Operator(asked)
    for _ in range(3):
        killed = operator.process()
        os.kill(killed, signal.SIGKILL)

        assert operator.get("/healthz") == ALIVE
        assert asked.ask("/v1/authorize", EDIT)[0] == 200
        until(lambda killed=killed: operator.process() not in {0, killed})  # type: ignore[misc]


def test_it_outlives_killed_workers_and_a_reload_of_the_master(asked: Sidecar) -> None:
    operator = Operator(asked)
    before, workers = operator.process(), len(asked.workers())
    for worker in asked.workers()[-2:]:
        os.kill(worker, signal.SIGKILL)
    until(lambda: len(asked.workers()) == workers + 2)
    asked.process.send_signal(signal.SIGHUP)
    until(lambda: len(asked.workers()) == workers + 4)

    assert operator.get("/healthz") == ALIVE
    assert operator.process() == before


def test_the_processes_do_not_hold_the_listeners_of_each_other(asked: Sidecar) -> None:
    operator = Operator(asked)
    worker = asked.workers()[-1]
    callers, operators = _listeners(worker), _listeners(operator.process())

    assert callers
    assert operators
    assert not callers & operators
    assert callers | operators == _listeners(asked.process.pid)


def _listeners(pid: int) -> set[str]:
    """Return the inodes of the listening TCP sockets of a process."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[9] for row in rows if row[3] == "0A"}
    names = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = {name[8:-1] for name in names if name.startswith("socket:")}
    return sockets & listening
