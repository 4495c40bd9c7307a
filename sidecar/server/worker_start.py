"""What begins in the process of a worker: it follows the files, and reports."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock, Thread
from typing import Protocol

from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog
from sidecar.health import ProcessState, Reporter, SharedStates
from sidecar.metrics import Counters
from sidecar.reload import Reloading, StoredReloading
from sidecar.server.config import ServerConfig
from sidecar.watch import CheckLoop

LOG = logging.getLogger("sidecar")

SWITCH_SECONDS = 0.0005
"""How long a thread that reads a mount may keep one that answers waiting: the default is 5 ms at
each of its steps, which measured as 65 ms for a request while 20,000 rows were read, now 11 ms."""

LOG_SECONDS = 1.0
"""How often a process looks whether its decision log has been moved or deleted."""

REPORT_SECONDS = 0.25
"""How often a worker reports: what others tell of it is so late at most."""


class StartedWorker(Protocol):
    """What is needed of gunicorn's worker."""

    age: int
    """How many workers had been started, this one included."""
    alive: bool
    slot: int | None
    """Where it reports; None where there is no room."""

    def notify(self) -> None:
        """Tell gunicorn that the process lives."""


class OwnReport:
    """What a worker reports of itself.

    It does so each `REPORT_SECONDS`, when it takes another pair, and before it answers `/readyz`.
    """

    def __init__(self, states: SharedStates) -> None:
        self._states = states
        self._report: Callable[[], ProcessState] | None = None
        self._slot = 0
        self._turn = Lock()

    def begin(self, slot: int, report: Callable[[], ProcessState]) -> None:
        """Report from now on.

        Args:
            slot: Where.
            report: Returns the state of this process.
        """
        self._slot, self._report = slot, report
        self.publish()

    def publish(self) -> None:
        """Report now, in a process that has begun."""
        if self._report is not None:
            with self._turn:
                self._states.publish(self._slot, self._report())


@dataclass(frozen=True)
class WorkerStart:
    """All that the threads of a worker need."""

    settings: Settings
    config: ServerConfig
    reloading: Reloading | StoredReloading
    log: DecisionLog | None
    reporter: Callable[[], Reporter]
    """Returns what reports, in the process of a worker."""
    report: OwnReport
    counters: Counters

    def begin(self, worker: StartedWorker) -> None:
        """Begin in the process of a worker: follow the files from here on."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self.counters.begin(worker.slot)
        seconds, config = self.settings.reload_seconds, self.config
        if config.tokens:
            config.tokens.begin()
            _start(worker, partial(config.tokens.start, seconds))
        if config.keys:
            config.keys.begin()
            _start(worker, partial(config.keys.start, seconds))
        if config.tls:
            config.tls.look()
            _start(worker, partial(config.tls.start, seconds))
        if self.log:
            _start(worker, partial(self.log.start, LOG_SECONDS))
        if worker.age > self.settings.workers:
            _catch_up(worker, self.reloading)
        _start(worker, partial(self.reloading.start, seconds))
        if worker.slot is None:
            LOG.warning("there are too many workers: `/readyz`, status and metrics leave one out")
            return
        self.report.begin(worker.slot, self.reporter().report)
        self.reloading.on_pair = self.report.publish
        loop = CheckLoop("the report of a worker", self.report.publish)
        _start(worker, partial(loop.start, REPORT_SECONDS))


def _start(worker: StartedWorker, begin: Callable[[], None]) -> None:
    """Start a thread, as soon as the system has one: without it nothing would be looked at."""
    told = False
    while worker.alive:
        try:
            return begin()
        except RuntimeError:
            if not told:
                LOG.exception("there is no thread to be had; trying again")
            told = True
            worker.notify()
            time.sleep(1.0)
    return None


def _catch_up(worker: StartedWorker, reloading: Reloading | StoredReloading) -> None:
    """Let a worker that replaces a dead one take what the others have, however long it takes."""
    reading = Thread(target=reloading.begin, name="begin", daemon=True)
    _start(worker, reading.start)
    while worker.alive and reading.is_alive():
        worker.notify()
        reading.join(1.0)
