"""The metrics of `/metrics`: the counters of all processes, and gauges from their reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from math import inf

from flask import Blueprint, Response, request

from sidecar.decision_log import DecisionLog
from sidecar.health import Health, ProcessState, WorkerState
from sidecar.health.readiness import is_silent
from sidecar.metrics import Memory
from sidecar.metrics import catalog as metrics
from sidecar.metrics.catalog import Metric
from sidecar.metrics.collector import Totals
from sidecar.reload.shared_look import SharedLook

Measurement = tuple[Metric, Mapping[tuple[str, ...], float]]
"""A metric and its values by those of its labels."""

_REVISION_DIGITS = 12
"""So many hexadecimal digits are a number that a float holds exactly."""


def blueprint(memory: Memory, measure: Callable[[], Iterable[Measurement]]) -> Blueprint:
    """Return `/metrics`.

    Args:
        memory: What the processes count in.
        measure: Returns what they report (`measured`).
    """
    views, totals = Blueprint("metrics", __name__), Totals(memory, measure)

    @views.get("/metrics")
    def metrics_page() -> Response:
        """Answer in the format that the client asks for."""
        rendering = totals.render(request.headers.get("Accept", ""))
        return Response(rendering.body, content_type=rendering.content_type)

    return views


def measured(
    states: Sequence[ProcessState],
    health: Health,
    look: SharedLook | None,
    log: DecisionLog | None,
    now: float,
) -> Iterator[Measurement]:
    """Yield what follows from the reports of all processes.

    Args:
        states: The reports.
        health: The health that follows from them.
        look: The last look of the follower; None if there is no follower.
        log: The decision log; None if there is none.
        now: The moment, in seconds of the clock of all processes.
    """
    workers = [(each.worker, each.reported) for each in states if each.worker]
    yield metrics.BUILD, {(version("sidecar"),): 1}
    started = [state.started for state in states if state.kind == "master"]
    if started:
        yield metrics.STARTED, {(): started[0]}
    yield metrics.READY, {(): health.is_ready}
    yield metrics.PROBLEMS, {(): len(health.problems)}
    if workers:
        yield metrics.FACTS_AGE, {(): max(now - moment + _age(each) for each, moment in workers)}
    if log is not None:
        yield metrics.LOG_LINES, {(): log.lines()}
        yield metrics.LOG_LOST, {(): log.lost()}
    if (revisions := health.revisions) is not None:
        yield metrics.POLICY, {(revisions.policy,): 1}
        yield metrics.FACTS_REVISION, {(): int(revisions.data[:_REVISION_DIGITS], 16)}
    yield from _expiries(states, now)
    if look is not None:
        yield metrics.LOOK_AGE, {(): now - look.moment}
        yield metrics.POSITION, {(): look.number}


def _age(worker: WorkerState) -> float:
    return inf if worker.age is None else worker.age


def _expiries(states: Sequence[ProcessState], now: float) -> Iterator[Measurement]:
    ends: dict[tuple[str, ...], float] = {}
    for state in states:
        if state.certificate_until is not None and not is_silent(state, now):
            listener = "operators" if state.kind == "admin" else "callers"
            end = ends.get((listener,), inf)
            ends[listener,] = min(end, state.certificate_until)
    if ends:
        yield metrics.EXPIRY, ends
