"""Live reload: the newest policy and snapshot that are good, and belong together.

Each of the two is read again when its files change. What was read while files changed is thrown
away: a reading counts only when the stamps before and after it are equal, and it begins only when
the files have been still between two looks, or have not come to rest for a while. The pair is
swapped by one assignment, so that a request has the old pair or the new one and never half of each.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf
from pathlib import Path
from threading import Event, Thread

from sidecar.errors import InvalidDocumentsError, Problem, SnapshotUnavailableError
from sidecar.facts import Snapshot, read_directory
from sidecar.policy import Policy, load_pack
from sidecar.reloading.halves import Half, elapsed, stamp_of_mount, stamp_of_pack
from sidecar.reloading.pairs import Pair, Places, State

LOG = logging.getLogger("sidecar")

PATIENCE = 4
"""Looks after which files that do not come to rest are read all the same."""

RETRY = 50
"""Looks after which a reading that failed is tried again though no file has changed."""

ATTEMPTS = 20
"""Readings at start-up before files that change all the time are given up."""


class Reloading:
    """Keeps the newest good pair of what stands in three directories.

    One thread calls `look` every now and then; any number may call `current`, `age` and `state`.
    """

    def __init__(
        self,
        places: Places,
        load: Callable[[Path, Path], Policy] = load_pack,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        self._pack: Half[Policy] = Half(
            str(places.policies), lambda: stamp_of_pack(places.policies, places.fixtures)
        )
        self._mount: Half[Snapshot] = Half(
            str(places.data), lambda: (self._schema_revision(), stamp_of_mount(places.data)), clock
        )
        self._places = places
        self._load = load
        self._pair: Pair | None = None
        self._seen: object = None
        self._unsettled = 0
        self._idle = 0
        self._told: tuple[Problem, ...] = ()

    def current(self) -> Pair:
        """Return the pair to answer from.

        Raises:
            SnapshotUnavailableError: There is none yet.
        """
        if (pair := self._pair) is None:
            raise SnapshotUnavailableError("there is nothing to answer from; `/readyz` says why")
        return pair

    def age(self, snapshot: Snapshot) -> float:
        """Return for how many seconds nobody has seen that the mount still holds this snapshot.

        Infinite for one that the mount has left behind.
        """
        confirmed, moment = self._mount.confirmed
        return self._mount.clock() - moment if confirmed is snapshot else inf

    def state(self) -> State:
        """Return what there is to know about the pair."""
        pair = self._pair
        return State(pair.revisions() if pair else None, self._problems())

    def load(self) -> Pair:
        """Read everything for the first time.

        Raises:
            InvalidDocumentsError: Something is wrong with it, or it does not come to rest.
        """
        for _ in range(ATTEMPTS):
            self._read()
            if self._problems():
                break
            if self._pair:
                return self._pair
        raise InvalidDocumentsError(
            self._problems() or [Problem(self._mount.name, 0, "changes all the time")]
        )

    def look(self) -> None:
        """Compare the stamps, and read what has changed and come to rest."""
        moment = self._mount.clock()
        stamps = (self._pack.stamp(), self._mount.stamp())
        self._mount.confirm(stamps[1], moment)
        if stamps == (self._pack.tried, self._mount.tried):
            self._idle += 1
            if not self._problems() or self._idle < RETRY:
                return
            self._pack.retry()
            self._mount.retry()
        elif stamps != self._seen and self._unsettled < PATIENCE:
            self._seen = stamps
            self._unsettled += 1
            return
        self._unsettled = self._idle = 0
        self._read()
        self._tell()

    def begin(self) -> None:
        """Begin in a process that replaces a dead one: what is no longer so is dropped.

        It was forked from the one that called `load`, perhaps long ago, and must not answer from
        what was so then.
        """
        self._pack.forget()
        self._mount.forget()
        if self._pack.good is None or self._mount.good is None:
            self._pair = None
            self._read()
            self._tell()

    def watch(self, seconds: float, stop: Event) -> None:
        """Look at the files until `stop` is set."""
        while not stop.wait(seconds):
            # In a thread of its own, so that an error nobody thought of, which the thread prints,
            # ends this look and not the watching.
            look = Thread(target=self.look, name="look", daemon=True)
            look.start()
            look.join()

    def _read(self) -> None:
        places = self._places
        if self._pack.outdated():
            self._pack.read(lambda: self._load(places.policies, places.fixtures))
        if (policy := self._pack.good) and self._mount.outdated():
            self._mount.read(lambda: read_directory(policy.schema, places.data))
        self._swap()

    def _swap(self) -> None:
        policy, snapshot = self._pack.good, self._mount.good
        if policy is None or snapshot is None:
            return
        if policy.schema.revision != snapshot.schema.revision:
            return
        if self._pair == Pair(policy, snapshot):
            return
        self._pair = Pair(policy, snapshot)
        LOG.info("answering from policy %s and data %s", policy.revision, snapshot.revision)

    def _tell(self) -> None:
        problems = self._problems()
        if problems != self._told:
            for problem in problems:
                LOG.error("not taken, the last good one stays: %s", problem)
            self._told = problems

    def _problems(self) -> tuple[Problem, ...]:
        return (*self._pack.problems, *self._mount.problems)

    def _schema_revision(self) -> str:
        return self._pack.good.schema.revision if self._pack.good else ""
