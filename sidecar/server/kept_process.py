"""A process that the master keeps running: it is started again when it has died."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf

from sidecar.health import ProcessState
from sidecar.reload.memory import shortage

LOG = logging.getLogger("sidecar")

RESTART_SECONDS, MAX_RESTART_SECONDS = 0.5, 60.0
"""Seconds between two starts, the first ones and at most: a process that dies at once, such as one
with too little memory, must not keep the machine busy."""

STOP_SECONDS = 2.0
"""Seconds for the process to end: then it is killed."""

_SIGNALS = (
    signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGWINCH, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU,
)  # fmt: skip
"""Those that the master handles."""


class KeptProcess(ABC):
    """One process, as the master sees it. A kill loses nothing that it has."""

    name: str
    """For messages."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        """Prepare to start it.

        Args:
            clock: Returns seconds.
            sockets: Where it accepts connections, and no other process does. The master has them,
                too, so that clients wait while it is started again.
        """
        self.sockets = sockets
        self.fault = ""
        """Why it does not run for long; empty once it does."""
        self._clock = clock
        self.publish: Callable[[ProcessState], None] = lambda _: None
        """Reports the state of the process, in it."""
        self.begin: Callable[[], None] = lambda: None
        """Called in the process at its start."""
        self.on_exit: Callable[[], None] = lambda: None
        """Called in the master when the process has ended unasked."""
        self.pid = 0
        """0 while there is none."""
        self._started_at = -inf
        self._failures = 0
        """How often in sequence it has ended soon after its start."""

    @abstractmethod
    def run(self, master: int) -> None:
        """Do the work of the process, in it, until the master has ended.

        Args:
            master: The id of the process of the master.
        """

    def close_sockets(self) -> None:
        """Close the sockets, in another process of the sidecar."""
        for sock in self.sockets:
            sock.close()

    def keep_running(self, close: Callable[[], None]) -> None:
        """Start the process if it does not run.

        Args:
            close: Closes in the new process what only the master needs.
        """
        now = self._clock()
        lasted = now - self._started_at
        if self._is_running():
            if lasted > 2 * self._pause():
                self._failures, self.fault = 0, ""
            return
        if self.pid:
            self._failures += 1
            self._take_note(self.pid)
            self.on_exit()
            self.pid = 0
        if lasted < self._pause():
            return
        self._started_at = now
        master = os.getpid()
        sys.stderr.flush()
        try:
            process = os.fork()
        except OSError as error:
            fault = f"the {self.name} cannot be started, and is tried again: {error.strerror}"
            if fault != self.fault:
                LOG.error("%s", fault)  # noqa: TRY400  the operator needs no traceback
            self.fault = fault
            return
        if process == 0:
            try:
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
                close()
                self.begin()
                self.run(master)
            except BaseException:
                LOG.exception("the %s ends", self.name)
            finally:
                os._exit(1)
        self.pid = process

    def _pause(self) -> float:
        """Return the seconds between two starts; more after each that did not last."""
        times: int = 2 ** max(self._failures - 1, 0)
        return min(RESTART_SECONDS * times, MAX_RESTART_SECONDS)

    def _take_note(self, process: int) -> None:
        pause = self._pause()
        LOG.error("the %s (pid %d) has ended and is started again", self.name, process)
        if self._failures > 1:
            self.fault = (
                f"the {self.name} has ended {self._failures} times in sequence, perhaps by lack of"
                f" memory; {shortage()}; it is started again after {pause:.0f} s"
            )

    def stop(self) -> None:
        """End the process."""
        deadline = time.monotonic() + STOP_SECONDS
        number = signal.SIGTERM
        while self._is_running():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            time.sleep(0.01)
            if time.monotonic() > deadline:
                number = signal.SIGKILL
        self.pid = 0

    def _is_running(self) -> bool:
        if not self.pid:
            return False
        try:
            ended, _ = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # gunicorn waits for every child
            return False
        return not ended
