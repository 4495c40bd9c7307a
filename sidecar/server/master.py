"""The master: gunicorn's process that starts the workers, and the processes beside them."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

from sidecar.errors import Problem
from sidecar.health import ProcessState, SharedStates, Troubles
from sidecar.metrics import Counters
from sidecar.metrics.catalog import EXITS
from sidecar.server.kept_process import KeptProcess
from sidecar.server.service import Service
from sidecar.server.sockets import SocketFile
from sidecar.server.tls import Credentials
from sidecar.watch import elapsed

MASTER_SLOT, FIRST_KEPT_SLOT = 0, 1
"""Where the master and the processes beside the workers report."""

SPARE_SLOTS = 16
"""For workers beyond twice as many as the setting says: at a SIGHUP gunicorn starts all anew before
it ends the old ones."""


def slots_for(kept: int, workers: int) -> int:
    """Return how many processes can report."""
    return FIRST_KEPT_SLOT + kept + 2 * workers + SPARE_SLOTS


class _Worker(Protocol):
    pid: int
    slot: int | None


class Application(BaseApplication):  # type: ignore[misc]  # its base is untyped
    """gunicorn without its command line, its configuration file and its environment variables."""

    def __init__(  # noqa: PLR0913  the parts that it joins
        self,
        *,
        app: Flask,
        service: Callable[[], Service],
        tls: Credentials | None,
        options: dict[str, object],
        kept: Sequence[KeptProcess],
        states: SharedStates,
        counters: Counters,
    ) -> None:
        """Prepare to serve.

        Args:
            app: The application of callers.
            service: Returns what answers the requests of a worker, in its process.
            tls: What the connections of callers are encrypted with.
            options: Of gunicorn.
            kept: The processes beside the workers.
            states: Where all processes report.
            counters: Count, in the same slots.
        """
        self.kept = kept
        self.states = states
        self.counters = counters
        for slot, process in enumerate(kept, FIRST_KEPT_SLOT):
            process.publish = partial(states.publish, slot)
            process.begin = partial(counters.begin, slot)
            process.on_exit = partial(counters.add, EXITS, process.name.partition(" ")[0])
        self.service = service
        self.tls = tls
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn our options; it calls this again at a SIGHUP."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application of callers."""
        return self._app

    def run(self) -> None:
        """Serve until told to stop."""
        Master(self).run()


class Master(Arbiter):  # type: ignore[misc]  # its base is untyped
    """The process that starts the workers; it removes no socket of another server."""

    def __init__(self, app: Application) -> None:
        super().__init__(app)
        # At SIGUSR2 it starts what this process was started as, `python -m sidecar` included.
        self.START_CTX["args"] = sys.orig_argv
        self.asked_to_end: set[int] = set()
        """Workers that were, by the ids of their processes."""

    def start(self) -> None:
        """Begin to listen, and remember which files of sockets are ours."""
        super().start()
        self._troubles = Troubles(time.time)
        listening = [] if self.systemd else [listener.sock for listener in self.LISTENERS]
        listening += [sock for process in self.app.kept for sock in process.sockets]
        names = [sock.getsockname() for sock in listening if _is_unix(sock)]
        self.socket_files = [SocketFile.of(name) for name in names if isinstance(name, str)]

    def manage_workers(self) -> None:
        """Start the processes that are missing, and report."""
        for process in () if self.reexec_pid else self.app.kept:
            process.keep_running(partial(self._leave, process))
        self._report()
        super().manage_workers()
        self.app.counters.memory.set_live(self.worker_slots())

    def _report(self) -> None:
        running = [slot for slot, each in enumerate(self.app.kept, FIRST_KEPT_SLOT) if each.pid]
        self.app.states.keep_only([MASTER_SLOT, *running, *self.worker_slots()])
        faults = [Problem(each.name, 0, each.fault) for each in self.app.kept if each.fault]
        self.app.states.publish(
            MASTER_SLOT,
            ProcessState(
                kind="master",
                pid=os.getpid(),
                started=self._stats["start_time"],
                reported=elapsed(),
                problems=self._troubles.of(faults),
            ),
        )

    def worker_slots(self) -> list[int | None]:
        """Return the slots of the workers that run."""
        return [worker.slot for worker in self.WORKERS.values()]

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a signal to a worker; one that does not answer is killed, and was not asked."""
        if sig not in {signal.SIGABRT, signal.SIGKILL}:
            self.asked_to_end.add(pid)
        super().kill_worker(pid, sig)

    def _leave(self, process: KeptProcess) -> None:
        """Close, in the process of one, what only the others use."""
        for listener in self.LISTENERS:
            listener.sock.close()
        for other in self.app.kept:
            if other is not process:
                other.close_sockets()

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002  gunicorn's signature
        """End all processes, those of the workers first."""
        # A process that gunicorn starts in this one's place goes on with the same sockets.
        if self.reexec_pid == self.master_pid == 0:
            for file in self.socket_files:
                file.remove()
            self.socket_files = []
        for listener in [each for each in self.LISTENERS if _is_unix(each.sock)]:
            listener.close()
            self.LISTENERS.remove(listener)
        super().stop(graceful)
        for process in self.app.kept:
            process.stop()


def assign_slot(master: Master, worker: _Worker) -> None:
    """Choose where a worker reports, before it is forked.

    It is None for one that SIGTTIN has added beyond `SPARE_SLOTS`: that one does not report.
    """
    used = [*range(FIRST_KEPT_SLOT + len(master.app.kept)), *master.worker_slots()]
    worker.slot = master.app.states.free(used)


def count_exit(master: Master, worker: _Worker) -> None:
    """Count a worker that has ended, unless it was asked to."""
    if worker.pid not in master.asked_to_end:
        master.app.counters.add(EXITS, "worker")
    master.asked_to_end.discard(worker.pid)


def leave_sockets(master: Master, _worker: object) -> None:
    """Close, in the process of a worker, the sockets of the processes beside it."""
    for process in master.app.kept:
        process.close_sockets()


def _is_unix(sock: socket.socket) -> bool:
    return sock.family is socket.AF_UNIX
