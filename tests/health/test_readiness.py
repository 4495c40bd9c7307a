"""Whether a sidecar is ready, by what its processes report."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sidecar.errors import Problem
from sidecar.health import Health, ProcessState, Trouble, WorkerState, health_of
from sidecar.health.process_state import LogState
from sidecar.model import Revisions

NOW = 1000.0
OLD, NEW = Revisions("p1", "d1"), Revisions("p2", "d2")
GOOD = WorkerState(
    revisions=NEW,
    since=50.0,
    age=0.1,
    is_stale=False,
    admits_nobody=False,
    policy=None,
    waiting="",
    log=LogState("/log", "refuse", "", 0),
)


def worker(
    pid: int = 7,
    reported: float = NOW,
    problems: tuple[Trouble, ...] = (),
    **changed: Any,  # noqa: ANN401  members of `WorkerState`
) -> ProcessState:
    return ProcessState(
        kind="worker",
        pid=pid,
        started=1.0,
        reported=reported,
        problems=problems,
        worker=replace(GOOD, **changed),
    )


def health(*states: ProcessState) -> Health:
    return health_of(states, NOW, 5.0)


@pytest.mark.parametrize(
    ("changed", "ready"),
    [
        ({}, True),
        ({"log": None}, True),
        ({"log": LogState("/log", "count", "No space left on device", 3)}, True),
        ({"log": LogState("/log", "refuse", "No space left on device", 0)}, False),
        ({"revisions": None}, False),
        ({"is_stale": True, "age": 6.0}, False),
        ({"admits_nobody": True}, False),
    ],
)
def test_a_sidecar_is_ready_when_each_of_its_workers_can_decide(
    changed: dict[str, Any], *, ready: bool
) -> None:
    assert health(worker(**changed)).is_ready is ready
    assert health(worker(), worker(8, **changed)).is_ready is ready
    assert health(worker(**changed), worker(8)).is_ready is ready


def test_before_a_worker_has_reported_it_is_not_ready() -> None:
    master = ProcessState(kind="master", pid=1, started=1.0, reported=NOW)

    assert health() == health(master)
    assert health().is_ready is False
    assert health().revisions is None
    assert health().problems == (Problem("workers", 0, "none has reported that it answers"),)


def test_a_worker_that_was_stopped_is_named_and_does_not_count() -> None:
    stopped = worker(8, NOW - 12.0, revisions=None)

    found = health(worker(), stopped)

    assert found.is_ready
    assert found.problems == (
        Problem("worker (pid 8)", 0, "has not reported for 12 s; is it stopped?"),
    )
    assert not health(stopped).is_ready


def test_the_revisions_are_those_that_all_workers_have_reached() -> None:
    assert health(worker(), worker(8, revisions=OLD, since=40.0)).revisions == OLD
    assert health(worker(8, revisions=OLD, since=40.0), worker()).revisions == OLD
    assert health(worker(), worker(8, revisions=None)).revisions == NEW


def test_problems_of_all_processes_are_named_once_and_in_one_order() -> None:
    first, second = Trouble("b.yaml", 2, "is wrong", 1.0), Trouble("a.yaml", 9, "is wrong", 2.0)
    later = Trouble("b.yaml", 2, "is wrong", 3.0)
    admin = ProcessState(
        kind="admin", pid=2, started=1.0, reported=NOW, problems=(Trouble("t", 0, "bad", 1.0),)
    )
    states = [worker(7, NOW, (first, second)), worker(8, NOW, (later,)), admin]

    expected = (
        Problem("a.yaml", 9, "is wrong"),
        Problem("b.yaml", 2, "is wrong"),
        Problem("t", 0, "bad"),
    )
    assert health(*states).problems == health(*reversed(states)).problems == expected


@pytest.mark.parametrize(
    ("ages", "message"),
    [
        ((6.0, 7.4), "nobody has seen for 7 s that they are current, 5 s at most"),
        ((6.0, None), "nobody has seen that they are current, 5 s at most"),
    ],
)
def test_stale_facts_are_named_with_the_age_of_the_oldest(
    ages: tuple[float | None, ...], message: str
) -> None:
    found = health(*(worker(pid, age=age, is_stale=True) for pid, age in enumerate(ages)))

    assert found.problems == (Problem("facts", 0, message),)
