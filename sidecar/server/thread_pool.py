"""Threads for work that would keep other connections waiting, with a bounded queue."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from sidecar.http.cancellation import CancelledError, cancellable
from sidecar.http.message import Response

LOG = logging.getLogger("sidecar")


class Job:
    """One request to be answered by a thread."""

    def __init__(self, work: Callable[[], Response]) -> None:
        self.work = work
        self.is_cancelled = False
        self._claim = threading.Lock()

    def claim(self) -> bool:
        """Take the job, to run it or to cancel it before it runs; only one caller gets it."""
        return self._claim.acquire(blocking=False)


class ThreadPool:
    """Runs jobs in threads that do not keep the process from ending.

    The event loop calls all methods but `_run`. No method waits for a thread to finish.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        max_jobs: int,
        deliver: Callable[[Job, Response | None], None],
    ) -> None:
        """Prepare the queue.

        Args:
            name: Of the threads.
            threads: How many run at once.
            max_jobs: How many jobs may run or wait.
            deliver: Called by the thread with each job that ran and its response; None where the
                job failed. It hands both to the event loop, which calls `finished`.
        """
        self.name = name
        self._threads = threads
        self._max_jobs = max_jobs
        self._deliver = deliver
        self.jobs = 0
        """Jobs that run or wait."""
        self._started: list[threading.Thread] = []
        self._queue: SimpleQueue[Job] = SimpleQueue()

    def start(self) -> None:
        """Start the threads that are missing, as far as the system allows.

        Without any thread jobs are refused, and everything else goes on.
        """
        while len(self._started) < self._threads:
            thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                LOG.warning("no more threads than %d can be started", len(self._started))
                return
            self._started.append(thread)

    def is_complete(self) -> bool:
        """Tell whether all threads have been started."""
        return len(self._started) == self._threads

    def submit(self, job: Job) -> bool:
        """Have a job run; tell whether there is room for it, and a thread."""
        if self.jobs >= self._max_jobs or not self._started:
            return False
        self.jobs += 1
        self._queue.put(job)
        return True

    def cancel(self, job: Job) -> bool:
        """Drop a job that does not run yet; of one that runs return False: it ends at its check."""
        job.is_cancelled = True
        dropped = job.claim()
        self.jobs -= dropped
        return dropped

    def finished(self) -> None:
        """Count a job that has ended."""
        self.jobs -= 1

    def _run(self) -> None:
        while True:
            job = self._queue.get()
            if job.claim():
                self._deliver(job, self._response(job))

    @staticmethod
    def _response(job: Job) -> Response | None:
        try:
            with cancellable(lambda: job.is_cancelled):
                return job.work()
        except CancelledError:
            return None
        except Exception:
            LOG.exception("a request failed")
            return None
