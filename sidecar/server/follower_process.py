"""The process of the follower, which the master keeps running."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable
from random import uniform

from sidecar.health import FollowerState, ProcessState
from sidecar.reload import Follower
from sidecar.reload.follower import Progress
from sidecar.reload.memory import FOLLOWER_SCORE, end_before_others
from sidecar.reload.wakeup import Wakeup
from sidecar.server.kept_process import KeptProcess
from sidecar.watch import elapsed

LOG = logging.getLogger("sidecar")


class FollowerProcess(KeptProcess):
    """The process of the follower, as the master sees it."""

    name = "follower"

    def __init__(
        self,
        follower: Callable[[], Follower],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to start it.

        Args:
            follower: Returns the follower, in its process.
            seconds: Between two looks.
            clock: Returns seconds.
        """
        super().__init__(clock)
        self._follower = follower
        self._seconds = seconds
        self._wakeup = Wakeup()
        self.on_look: Callable[[bool], None] = lambda _: None
        """Called in the process after each look, with whether it was completed."""

    def request_look(self) -> None:
        """Have it look at the source at once; any process that is forked later may call it."""
        self._wakeup.call()

    def run(self, master: int) -> None:
        """Follow the source until the master has ended."""
        end_before_others(FOLLOWER_SCORE)
        gc.freeze()
        follower = self._follower()
        started, failure = time.time(), ""
        self.publish(_state(follower.progress(), started))
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
            self.on_look(not failure)
            self.publish(_state(follower.progress(), started))
            # The followers of one database must not all look at once.
            follower.wait(self._seconds * uniform(0.75, 1.25), self._wakeup)  # noqa: S311
        follower.close()


def _state(progress: Progress, started: float) -> ProcessState:
    position = progress.position
    return ProcessState(
        kind="follower",
        pid=os.getpid(),
        started=started,
        reported=elapsed(),
        follower=FollowerState(
            source=progress.source,
            kind=position.kind if position else "",
            epoch=position.epoch if position else "",
            mark=position.mark if position else "",
            revision=progress.revision,
            is_building=progress.is_building,
        ),
    )
