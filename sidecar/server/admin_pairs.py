"""Policy and facts of the admin process: those of the workers, followed from the first use on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from sidecar.facts import Facts
from sidecar.metrics import Counters
from sidecar.model import Revisions
from sidecar.reload import Pair, Reloading, State, StoredReloading


class AdminPairs:
    """The newest valid pair, as each worker has it.

    Nothing is read before a page is asked for, so that a process without visitors has neither the
    work nor the memory.
    """

    def __init__(
        self,
        reloading: Reloading | StoredReloading,
        counters: Counters,
        seconds: float,
        in_use: Callable[[], Revisions | None],
    ) -> None:
        """Prepare to follow.

        Args:
            reloading: That of the workers, which the master has prepared.
            counters: Those of the master. What this process reads is not counted.
            seconds: Between two checks of the files.
            in_use: Returns the revisions that the workers answer from; None before there are any.
        """
        self._reloading = reloading
        self._counters = counters
        self._seconds = seconds
        self._in_use = in_use
        self._lock = Lock()
        self._is_begun = False

    def current(self) -> Pair:
        """Return the current pair.

        Raises:
            SnapshotUnavailableError: There is none yet.
        """
        self._begin()
        return self._reloading.current()

    def age(self, snapshot: Facts) -> float:
        """Return the seconds since the source was last seen to hold a snapshot."""
        return self._reloading.age(snapshot)

    def state(self) -> State:
        """Return the pair, and the problems of the newest files."""
        self._begin()
        return self._reloading.state()

    def _begin(self) -> None:
        with self._lock:
            if self._is_begun:
                return
            self._counters.begin(None)
            reloading = self._reloading
            pair = reloading.state().pair
            # The pair of the master is as old as the sidecar; often it is still in use.
            if pair is None or pair.revisions() != self._in_use():
                reloading.begin()
            reloading.start(self._seconds)
            self._is_begun = True
