"""Threads for slow requests: bounded, cancelled, and not needed for anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from sidecar.http.cancellation import CancelledError, check
from sidecar.http.message import JSON_HEADERS, Response
from sidecar.server.thread_pool import Job, ThreadPool
from tests.patience import PATIENCE

ANSWER = Response(200, JSON_HEADERS, b"{}")


class Running:
    """A pool, and the jobs that it has delivered."""

    def __init__(self, threads: int, max_jobs: int) -> None:
        self.delivered: SimpleQueue[tuple[Job, Response | None]] = SimpleQueue()
        self.pool = ThreadPool("test", threads, max_jobs, lambda *each: self.delivered.put(each))
        self.pool.start()

    def next(self) -> tuple[Job, Response | None]:
        delivered = self.delivered.get(timeout=PATIENCE)
        self.pool.finished()
        return delivered


def waiting(end: threading.Event) -> Callable[[], Response]:
    def work() -> Response:
        end.wait(PATIENCE)
        return ANSWER

    return work


def test_a_job_is_run_and_delivered() -> None:
    running, job = Running(1, 1), Job(lambda: ANSWER)

    assert running.pool.submit(job)
    assert running.next() == (job, ANSWER)
    assert running.pool.jobs == 0


def test_a_job_that_fails_is_delivered_without_a_response(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Response:
        raise ZeroDivisionError

    running, job = Running(1, 1), Job(fail)

    running.pool.submit(job)

    assert running.next() == (job, None)
    assert "ZeroDivisionError" in caplog.text


def test_more_jobs_than_may_be_are_refused() -> None:
    running, end = Running(1, 2), threading.Event()

    told = [running.pool.submit(Job(waiting(end))) for _ in range(3)]
    end.set()
    running.next()
    again = running.pool.submit(Job(waiting(end)))

    assert (told, again) == ([True, True, False], True)


def test_a_cancelled_job_that_waits_never_runs_and_makes_room() -> None:
    running, end = Running(1, 2), threading.Event()
    ran: list[str] = []

    def work() -> Response:
        ran.append("second")
        return ANSWER

    first, second = Job(waiting(end)), Job(work)
    for job in (first, second):
        running.pool.submit(job)

    dropped = running.pool.cancel(second)
    room = running.pool.submit(third := Job(lambda: ANSWER))
    end.set()

    assert (dropped, room) == (True, True)
    assert [running.next()[0], running.next()[0]] == [first, third]
    assert ran == []


def test_a_cancelled_job_that_runs_ends_at_its_next_check() -> None:
    running, begun, ended = Running(1, 1), threading.Event(), threading.Event()

    def search() -> Response:
        begun.set()
        try:
            while True:
                check()
                time.sleep(0.001)
        except CancelledError:
            ended.set()
            raise

    job = Job(search)
    running.pool.submit(job)
    begun.wait(PATIENCE)

    assert not running.pool.cancel(job)
    assert running.next() == (job, None)
    assert ended.is_set()


def test_nothing_is_cancelled_outside_of_a_job() -> None:
    check()


def test_threads_that_cannot_be_started_are_started_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, missing = threading.Thread.start, [True]

    def none_left(thread: threading.Thread) -> None:
        if missing and thread.name == "test":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", none_left)

    running = Running(2, 10)
    refused = running.pool.submit(Job(lambda: ANSWER))
    complete = running.pool.is_complete()
    missing.clear()
    running.pool.start()

    assert (refused, complete, running.pool.is_complete()) == (False, False, True)
    assert running.pool.submit(Job(lambda: ANSWER))
    assert running.next()[1] == ANSWER
    assert "no more threads than 0 can be started" in caplog.text
