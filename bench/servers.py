"""The servers that are compared: how each is started, waited for, loaded and stopped."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import machine
from bench.load import load
from bench.traffic import TOKEN, Traffic, WrongAnswerError, check, plain, traffics
from bench.world import ROLE_TABLE, Question, World

SIDECAR, LOGGED, CERBOS = "sidecar", "sidecar, decision log on", "Cerbos"
UVICORN, ASGI = "constant: uvicorn-worker", "constant: gunicorn's ASGI worker"
SERVER_CORE, LOAD_CORE = 0, 1
PATIENCE_SECONDS = 60.0


class NotStartedError(Exception):
    """A server does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server to measure."""

    name: str
    command: Sequence[str]
    port: int
    traffics: Sequence[Traffic]
    log: Path | None = None
    """The decision log that it writes."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One load of one server; latencies in microseconds, memory in megabytes."""

    server: str
    traffic: str
    decisions: int
    throughput: float
    p50: float
    p99: float
    p999: float
    cpu: float
    """Microseconds of processor time of the server for each request."""
    rss: float
    """Of the largest process."""
    foreign: float
    """Share of one core that other processes took meanwhile."""


def servers(world: World, folder: Path, cerbos: Path) -> list[Server]:
    """Return all servers; the sidecar once without and once with a decision log."""
    mount = world.write(folder / "mount")
    tokens = folder / "tokens"
    tokens.write_text(f"bench {TOKEN}\n")
    tokens.chmod(0o640)
    ours = traffics(world, plain)
    constants = [Traffic(name="constant", items=ours[0].items, answers=[True] * len(ours[0].items))]

    def sidecar(name: str, asked: Sequence[Traffic], log: Path | None = None) -> Server:
        port = free_port()
        command = [
            *(sys.executable, "-m", "sidecar", "serve", "--workers", "1", "--port", str(port)),
            *(
                "--admin",
                "127.0.0.1:0",
                "--data",
                str(mount),
                "--tokens",
                str(tokens),
                "--log-level",
                "error",
            ),
            *(("--decision-log", str(log)) if log else ()),
        ]
        return Server(name=name, command=command, port=port, traffics=asked, log=log)

    def constant(name: str, worker: str) -> Server:
        port = free_port()
        command = [
            *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1"),
            *("--keep-alive", "75", "--log-level", "error", "--no-control-socket"),
            *("--worker-class", worker, "bench.constant:application"),
        ]
        return Server(name=name, command=command, port=port, traffics=constants)

    return [
        sidecar(SIDECAR, ours),
        sidecar(LOGGED, [ours[0], ours[2]], folder / "decisions.log"),
        _cerbos(world, folder / "cerbos", cerbos),
        constant(UVICORN, "uvicorn_worker.UvicornWorker"),
        constant(ASGI, "asgi"),
    ]


@contextmanager
def running(server: Server, folder: Path) -> Iterator[int]:
    """Start a server on its core, check its answers, and stop it in the end; yield its process.

    Raises:
        NotStartedError: It ends, or does not answer in time.
        WrongAnswerError: An answer is not the policy's.
    """
    output = folder / f"{server.port}.out"
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603  our own command
        ["taskset", "--cpu-list", str(SERVER_CORE), *server.command],
        env={**os.environ, **server.environment},
        stdout=output.open("wb"),
        stderr=subprocess.STDOUT,
    )
    try:
        while not _listens(server.port):
            if process.poll() is not None or time.monotonic() > began + PATIENCE_SECONDS:
                text = output.read_text("utf-8", "replace")[-800:]
                raise NotStartedError(f"{server.name} does not answer:\n{text}")
            time.sleep(0.02)
        for traffic in server.traffics:
            _check(server, traffic, began)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(server: Server, pid: int, traffic: Traffic, seconds: float, folder: Path) -> Row:
    """Load a running server with one kind of traffic.

    Raises:
        LoadError: The load could not be made, or was refused.
    """
    if server.log is not None:
        os.truncate(server.log, 0)
    before, spent, own = machine.usage(), machine.cpu_seconds(pid), sum(os.times()[:4])
    loaded = load(server.port, traffic, seconds, LOAD_CORE, folder)
    cost = machine.cpu_seconds(pid) - spent
    foreign = machine.foreign(before, machine.usage(), cost + sum(os.times()[:4]) - own)
    return Row(
        server=server.name,
        traffic=traffic.name,
        decisions=traffic.decisions,
        throughput=loaded.throughput,
        p50=loaded.p50,
        p99=loaded.p99,
        p999=loaded.p999,
        cpu=cost / loaded.requests * 1e6,
        rss=machine.memory(pid)[0],
        foreign=foreign,
    )


def free_port() -> int:
    """Return a port at which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _check(server: Server, traffic: Traffic, began: float) -> None:
    """Check answers; a server that listens before it can decide gets time until then."""
    while True:
        try:
            check(server.name, server.port, traffic)
        except WrongAnswerError:
            if time.monotonic() > began + PATIENCE_SECONDS / 4:
                raise
            time.sleep(0.2)
        else:
            return


def _cerbos(world: World, folder: Path, binary: Path) -> Server:
    """Return Cerbos with the same policy in its words; the facts travel in its requests."""
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / "account.json").write_text(json.dumps(_cerbos_policy()))
    port = free_port()
    settings = {
        "server": {
            "httpListenAddr": f"127.0.0.1:{port}",
            "grpcListenAddr": f"127.0.0.1:{free_port()}",
            "requestLimits": {"maxActionsPerResource": 50, "maxResourcesPerRequest": 200},
        },
        "storage": {
            "driver": "disk",
            "disk": {"directory": str(folder / "policies"), "watchForChanges": False},
        },
        "telemetry": {"disabled": True},
    }
    configuration = folder / "settings.json"
    configuration.write_text(json.dumps(settings))

    def worded(question: Question) -> dict[str, Any]:
        """Add the role and the plan, which a caller of Cerbos has to look up."""
        role = world.roles[question.account].get(question.user, "stranger")
        return {
            "subject": {
                "type": "user",
                "id": question.user,
                "properties": {"cerbos.roles": [role]},
            },
            "action": {"name": question.action},
            "resource": {
                "type": "account",
                "id": question.account,
                "properties": dict(world.plans[question.account]),
            },
        }

    command = [str(binary), "server", "--log-level=error", f"--config={configuration}"]
    return Server(name=CERBOS, command=command, port=port, traffics=traffics(world, worded))


def _cerbos_policy() -> dict[str, Any]:
    plan = (
        'R.attr.plan == "committed" && R.attr.monthly_commitment >= 750.0 && '
        'R.attr.contract == "annual" && has(R.attr.contract_ends) && '
        "timestamp(R.attr.contract_ends) > now()"
    )
    rules: list[dict[str, Any]] = []
    for role, actions in ROLE_TABLE.items():
        rule: dict[str, Any] = {
            "actions": sorted(actions),
            "effect": "EFFECT_ALLOW",
            "roles": [role],
        }
        if role != "owner":
            rule["condition"] = {"match": {"expr": plan}}
        rules.append(rule)
    return {
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": {"version": "default", "resource": "account", "rules": rules},
    }
