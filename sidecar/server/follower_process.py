"""The process of the follower, which the master starts, and starts again when it has died."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from random import uniform

from sidecar.reload import Follower
from sidecar.reload.memory import FOLLOWER_SCORE, end_before_others, shortage
from sidecar.reload.wakeup import Wakeup

LOG = logging.getLogger("sidecar")

RESTART_SECONDS, MAX_RESTART_SECONDS = 0.5, 60.0
"""Seconds between two starts, the first ones and at most: a process that dies at once, such as one
with too little memory, must not keep the machine busy."""

STOP_SECONDS = 2.0
"""Seconds for the follower to end: then it is killed, which loses nothing."""

_SIGNALS = (
    signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGWINCH, signal.SIGCHLD, signal.SIGTTIN, signal.SIGTTOU,
)  # fmt: skip
"""Those that the master handles."""


class FollowerProcess:
    """The process of the follower, as the master sees it."""

    def __init__(
        self,
        follower: Callable[[], Follower],
        seconds: float,
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to start it.

        Args:
            follower: Returns the follower, in its process.
            seconds: Between two looks.
            report: Called with why it does not run; with an empty text once it does.
            clock: Returns seconds.
        """
        self._follower = follower
        self._seconds = seconds
        self._report = report
        self._clock = clock
        self._wakeup = Wakeup()
        self._process = 0
        self._started_at = -inf
        self._failures = 0
        """How often in sequence it has ended soon after its start."""

    def keep_running(self, close: Callable[[], None]) -> None:
        """Start the process if it does not run.

        Args:
            close: Closes in the new process what only the master needs.
        """
        now = self._clock()
        lasted = now - self._started_at
        if self._is_running():
            if self._failures and lasted > 2 * self._pause():
                self._failures = 0
                self._report("")
            return
        if self._process:
            self._failures += 1
            self._take_note(self._process)
            self._process = 0
        if lasted < self._pause():
            return
        self._started_at = now
        master = os.getpid()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            try:
                for number in _SIGNALS:
                    signal.signal(number, signal.SIG_DFL)
                close()
                self._run(master)
            except BaseException:
                LOG.exception("the follower ends")
            finally:
                os._exit(1)
        self._process = process

    def _pause(self) -> float:
        """Return the seconds between two starts; more after each that did not last."""
        times: int = 2 ** max(self._failures - 1, 0)
        return min(RESTART_SECONDS * times, MAX_RESTART_SECONDS)

    def _take_note(self, process: int) -> None:
        pause = self._pause()
        LOG.error("the follower (pid %d) has ended and is started again", process)
        if self._failures > 1:
            self._report(
                f"the follower has ended {self._failures} times in sequence, perhaps by lack of"
                f" memory; {shortage()}; it is started again after {pause:.0f} s"
            )

    def request_look(self) -> None:
        """Have it look at the source at once; any process that is forked later may call it."""
        self._wakeup.call()

    def stop(self) -> None:
        """End the process."""
        deadline = time.monotonic() + STOP_SECONDS
        number = signal.SIGTERM
        while self._is_running():
            with suppress(ProcessLookupError):
                os.kill(self._process, number)
            time.sleep(0.01)
            if time.monotonic() > deadline:
                number = signal.SIGKILL
        self._process = 0

    def _is_running(self) -> bool:
        if not self._process:
            return False
        try:
            ended, _ = os.waitpid(self._process, os.WNOHANG)
        except ChildProcessError:  # gunicorn waits for every child
            return False
        return not ended

    def _run(self, master: int) -> None:
        end_before_others(FOLLOWER_SCORE)
        gc.freeze()
        follower = self._follower()
        failure = ""
        while os.getppid() == master:
            try:
                follower.step()
            except Exception as error:
                if failure != str(error):
                    LOG.exception("a look failed and is repeated")
                failure = str(error)
                time.sleep(self._seconds)
            else:
                failure = ""
            # The followers of one database must not all look at once.
            follower.wait(self._seconds * uniform(0.75, 1.25), self._wakeup)  # noqa: S311
        follower.close()
