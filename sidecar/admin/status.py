"""The status: everything that the processes of the sidecar report, for a person or a program.

It is made of the same reports as `/readyz`, with the same problems. `docs/admin.md` describes each
member.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from flask import Blueprint, Response
from msgspec import Struct
from msgspec.structs import replace

from sidecar.bundle.file import FORMAT
from sidecar.health import Health, ProcessState, WorkerState
from sidecar.health.policy_state import UncompiledRule
from sidecar.health.process_state import LogState
from sidecar.health.readiness import is_silent
from sidecar.http.flask_response import rendered
from sidecar.http.message import json_response
from sidecar.model import Revisions


class Versions(Struct, frozen=True):
    """The versions of the sidecar, of Python and of the bundle format."""

    sidecar: str
    python: str
    bundle_format: int


class Listener(Struct, frozen=True, kw_only=True):
    """The addresses of a listener, and the files by which it accepts callers."""

    addresses: tuple[str, ...]
    tokens: str | None
    certificate: str | None
    certificate_expires: str | None = None
    client_ca: str | None


class PolicyStatus(Struct, frozen=True, kw_only=True):
    """The policy that all workers have reached."""

    source: str
    revision: str | None
    digest: str | None
    schema: str | None
    waiting: str | None
    files: tuple[str, ...]
    routes: int | None
    compiled: tuple[str, ...]
    uncompiled: tuple[UncompiledRule, ...]


class PositionStatus(Struct, frozen=True):
    """A position in the source of the facts."""

    kind: str
    epoch: str
    mark: str


class FollowerStatus(Struct, frozen=True, kw_only=True):
    """The process that reads a large source, for all workers."""

    pid: int
    source: str
    position: PositionStatus | None
    revision: str | None
    reads_all_rows: bool


class FactsStatus(Struct, frozen=True, kw_only=True):
    """The facts that all workers have reached."""

    source: str
    revision: str | None
    age: float | None
    max_staleness: float | None
    follower: FollowerStatus | None


class ProcessStatus(Struct, frozen=True, kw_only=True):
    """One process."""

    kind: str
    pid: int
    started: str
    reported: float
    ready: bool | None
    revisions: Revisions | None
    age: float | None


class ErrorStatus(Struct, frozen=True, kw_only=True):
    """One problem, since when it exists, and the processes that report it."""

    file: str
    line: int
    message: str
    since: str | None
    processes: tuple[int, ...]


class Status(Struct, frozen=True, kw_only=True):
    """The state of the sidecar."""

    ready: bool
    versions: Versions
    policy: PolicyStatus
    facts: FactsStatus
    errors: tuple[ErrorStatus, ...]
    processes: tuple[ProcessStatus, ...]
    decision_log: LogState | None
    callers: Listener
    operators: Listener
    limits: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The settings that `/v1/status` shows; they are fixed at start."""

    policy: str
    """The directory of the policies, or the file of the bundle."""
    facts: str
    """The source of the facts, without a password."""
    max_staleness: float | None
    callers: Listener
    operators: Listener
    limits: Mapping[str, float]


def blueprint(
    configuration: Configuration,
    states: Callable[[], Sequence[ProcessState]],
    health: Callable[[Sequence[ProcessState]], Health],
    clock: Callable[[], float],
) -> Blueprint:
    """Return `/v1/status`.

    Args:
        configuration: The settings that are shown.
        states: Returns the reports of all processes.
        health: Returns the health that follows from reports.
        clock: Returns seconds of the clock of all processes.
    """
    views = Blueprint("status", __name__)

    @views.get("/v1/status")
    def status() -> Response:
        """Answer with the status; 200 whether the sidecar is ready or not."""
        present = states()
        shown = status_of(configuration, present, health(present), clock())
        return rendered(json_response(shown))

    return views


def status_of(
    configuration: Configuration, states: Sequence[ProcessState], health: Health, now: float
) -> Status:
    """Return the status that follows from the reports of all processes."""
    workers = [state.worker for state in states if state.worker and not is_silent(state, now)]
    reached = next((each for each in workers if each.revisions == health.revisions), None)
    return Status(
        ready=health.is_ready,
        versions=Versions(version("sidecar"), platform.python_version(), FORMAT),
        policy=_policy(configuration, reached, workers),
        facts=FactsStatus(
            source=configuration.facts,
            revision=health.revisions.data if health.revisions else None,
            age=_rounded(max((each.age for each in workers if each.age is not None), default=None)),
            max_staleness=configuration.max_staleness,
            follower=_follower(states),
        ),
        errors=_errors(states, health),
        processes=tuple(_process(state, now) for state in states),
        decision_log=_log([each.log for each in workers if each.log]),
        callers=_listener(configuration.callers, states, "worker"),
        operators=_listener(configuration.operators, states, "admin"),
        limits=configuration.limits,
    )


def _policy(
    configuration: Configuration, reached: WorkerState | None, workers: Sequence[WorkerState]
) -> PolicyStatus:
    policy = reached.policy if reached else None
    return PolicyStatus(
        source=configuration.policy,
        revision=policy.revision if policy else None,
        digest=(policy.digest or None) if policy else None,
        schema=policy.schema if policy else None,
        waiting=next((each.waiting for each in workers if each.waiting), None),
        files=policy.files if policy else (),
        routes=policy.routes if policy else None,
        compiled=policy.compiled if policy else (),
        uncompiled=policy.uncompiled if policy else (),
    )


def _follower(states: Sequence[ProcessState]) -> FollowerStatus | None:
    for state in states:
        if (follower := state.follower) is not None:
            position = PositionStatus(follower.kind, follower.epoch, follower.mark)
            return FollowerStatus(
                pid=state.pid,
                source=follower.source,
                position=position if follower.kind else None,
                revision=follower.revision or None,
                reads_all_rows=follower.is_building,
            )
    return None


def _errors(states: Sequence[ProcessState], health: Health) -> tuple[ErrorStatus, ...]:
    """Return the problems of `/readyz`, with the processes that have them, and since when."""
    found = []
    for problem in health.problems:
        having = [
            (trouble.since, state.pid)
            for state in states
            for trouble in state.problems
            if trouble.problem == problem
        ]
        since = min((moment for moment, _ in having), default=None)
        found.append(
            ErrorStatus(
                file=problem.file,
                line=problem.line,
                message=problem.message,
                since=None if since is None else written(since),
                processes=tuple(pid for _, pid in having),
            )
        )
    return tuple(found)


def _listener(configured: Listener, states: Sequence[ProcessState], kind: str) -> Listener:
    """Return a listener with the certificate that its processes use."""
    ends = [state.certificate_until for state in states if state.kind == kind]
    until = min((each for each in ends if each is not None), default=None)
    return replace(configured, certificate_expires=None if until is None else written(until))


def _process(state: ProcessState, now: float) -> ProcessStatus:
    worker = state.worker
    return ProcessStatus(
        kind=state.kind,
        pid=state.pid,
        started=written(state.started),
        reported=round(max(now - state.reported, 0.0), 3),
        ready=None if worker is None else worker.is_ready,
        revisions=None if worker is None else worker.revisions,
        age=None if worker is None else _rounded(worker.age),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _log(states: Sequence[LogState]) -> LogState | None:
    """Return the state of a process that cannot write it, if there is one."""
    return max(states, key=lambda each: (bool(each.failure), each.lost), default=None)


def written(seconds: float) -> str:
    """Return a moment as text, in UTC.

    Args:
        seconds: Since 1970.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
