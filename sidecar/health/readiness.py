"""Whether the sidecar can answer: one result for all of its processes, and for both listeners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from sidecar.errors import Problem
from sidecar.health.process_state import ProcessState
from sidecar.model import Revisions
from sidecar.watch import OVERDUE_SECONDS


class Health(NamedTuple):
    """Whether the sidecar can answer, and what is wrong."""

    is_ready: bool
    revisions: Revisions | None
    """Those that all workers have reached; None before there are any."""
    problems: tuple[Problem, ...]


def health_of(states: Sequence[ProcessState], now: float, max_staleness: float) -> Health:
    """Return the health of a sidecar.

    It is ready if each of its workers is. A worker that has not reported for some time, such as
    one that was stopped, does not count, since the others answer in its place.

    Args:
        states: The reports of its processes.
        now: The moment, in seconds of the clock of all processes.
        max_staleness: In seconds, for the message.
    """
    workers = [state.worker for state in states if state.worker and not is_silent(state, now)]
    pairs = [(worker.since, worker.revisions) for worker in workers if worker.revisions]
    stale = [worker.age for worker in workers if worker.is_stale]
    problems = [trouble.problem for state in states for trouble in state.problems]
    if not workers:
        problems.append(Problem("workers", 0, "none has reported that it answers"))
    problems += _silent(states, now)
    if stale:
        problems.append(_stale([inf if age is None else age for age in stale], max_staleness))
    return Health(
        bool(workers) and all(worker.is_ready for worker in workers),
        # A worker that has taken up nothing new for longest tells what all have.
        min(pairs)[1] if pairs else None,
        tuple(sorted(set(problems))),
    )


def is_silent(state: ProcessState, now: float) -> bool:
    """Return whether a process has not reported for some time."""
    return now - state.reported > OVERDUE_SECONDS


def _silent(states: Sequence[ProcessState], now: float) -> Iterator[Problem]:
    for state in states:
        if is_silent(state, now):
            late = now - state.reported
            name = f"{state.kind} (pid {state.pid})"
            yield Problem(name, 0, f"has not reported for {late:.0f} s; is it stopped?")


def _stale(ages: Sequence[float], max_staleness: float) -> Problem:
    oldest = max(ages)
    seen = "nobody has seen that they are current"
    if oldest < inf:
        seen = f"nobody has seen for {oldest:.0f} s that they are current"
    return Problem("facts", 0, f"{seen}, {max_staleness:g} s at most")
