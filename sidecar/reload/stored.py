"""Policy and facts of a worker whose facts are in a store: the follower keeps that up to date."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from math import inf
from pathlib import Path
from threading import Lock

from sidecar.engine.policy import Policy
from sidecar.errors import Problem, SnapshotUnavailableError
from sidecar.facts import Facts
from sidecar.facts.sources import Position
from sidecar.facts.store.directory import StoreDirectory
from sidecar.facts.store.file import DamagedStoreError, StoreError, StoreFile, read_meta
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.snapshot import StoredSnapshot
from sidecar.metrics import Counters
from sidecar.reload.packs import Pack, Packs, waiting_revision
from sidecar.reload.pair import Pair, State
from sidecar.reload.reload_counts import ReloadCounts
from sidecar.reload.shared_look import SharedLook, SharedLooks, last_bits
from sidecar.reload.shared_pair import SharedPack, SharedPair
from sidecar.reload.sources import Source
from sidecar.watch import CheckLoop, elapsed

LOG = logging.getLogger("sidecar")

_REVISION = re.compile(r"[0-9a-f]{26}")
"""The revision of a store."""


class StoredReloading:
    """The newest pack that a store has facts for, and the newest revision of these.

    Two threads call `look_at_pack` and `look_at_facts` at an interval; any number may call
    `current`, `age` and `state`.
    """

    def __init__(  # noqa: PLR0913, PLR0917  all that the processes share
        self,
        source: Source,
        stores: StoreDirectory,
        looks: SharedLooks,
        shared: SharedPair,
        prepare: Callable[[Policy], None],
        clock: Callable[[], float] = elapsed,
        *,
        takes_bad_rows: bool = False,
        counters: Counters | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            source: The source of the policy.
            stores: The directory of the stores.
            looks: What the follower reports.
            shared: The memory in which the processes keep the present pack.
            prepare: Called with each policy before it is used.
            clock: Returns seconds of the clock of all processes.
            takes_bad_rows: Whether the store takes rows that break the schema.
            counters: Count what is used and refused; None if nobody sees the counts.
        """
        self.packs = Packs(source, prepare, clock, takes_bad_rows=takes_bad_rows)
        self._stores = stores
        self._looks = looks
        self._shared = shared
        self._clock = clock
        self._counts = ReloadCounts(counters)
        self.on_pair: Callable[[], None] = lambda: None
        """Called when there is another pair."""
        self._lock = Lock()
        """Held while the pair is changed."""
        self._pair: Pair | None = None
        self._pack: Pack | None = None
        """The pack of the pair."""
        self._file: StoreFile | None = None
        self._damaged = Path()
        """The last store that was truncated; the follower is about to remove it."""
        self._word = 0
        """The revision of the last look that was taken note of."""
        self._fault: tuple[Problem, ...] = ()
        """Why the store cannot be read."""
        self._reported: tuple[Problem, ...] = ()
        self._loops = (
            CheckLoop(str(source.path), self.look_at_pack, clock),
            CheckLoop(str(stores.path), self.look_at_facts, clock),
        )

    def current(self) -> Pair:
        """Return the current pair, of the newest revision.

        Raises:
            SnapshotUnavailableError: There is none yet.
        """
        if self._looks.word() != self._word:
            self._refresh()
        if (pair := self._pair) is None:
            raise SnapshotUnavailableError("there is nothing to answer from; `/readyz` says why")
        return pair

    def look(self) -> SharedLook:
        """Return the last look of the follower."""
        return self._looks.look()

    def age(self, snapshot: Facts) -> float:
        """Return the seconds since the source was last seen to hold a snapshot."""
        if not isinstance(snapshot, StoredSnapshot):
            return inf
        number, moment = self._looks.look()
        if number == last_bits(snapshot.meta.number):
            snapshot.confirmed = max(snapshot.confirmed, moment)
        return self._clock() - snapshot.confirmed

    def follows(self, snapshot: Facts, revision: str) -> bool:
        """Return whether a snapshot is of a revision or newer, or contains a writer's token."""
        if not isinstance(snapshot, StoredSnapshot):
            return False
        if _REVISION.fullmatch(revision):
            return snapshot.meta.contains(revision)
        return Position.parse(self._position(snapshot)).reached(revision)

    @staticmethod
    def _position(snapshot: StoredSnapshot) -> str:
        """Return the newest position at which the source was seen to hold a snapshot."""
        with snapshot.store.reading() as transaction:
            newest = read_meta(transaction, snapshot.store.layout)
        if newest is not None and newest.number == snapshot.meta.number:
            return newest.position
        return snapshot.meta.position

    def state(self) -> State:
        """Return the pair, and the problems of pack and facts."""
        pair = self._pair
        failures = [problem for loop in self._loops for problem in loop.problems()]
        problems = (*self._problems(), *failures)
        return State(pair, problems, waiting_revision(self.packs.newest, pair))

    def _problems(self) -> tuple[Problem, ...]:
        return (*self.packs.problems, *self._looks.problems(), *self._fault)

    # --- processes ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Read the pack for the first time.

        Raises:
            InvalidDocumentsError: The pack is invalid.
        """
        self.packs.read_first()

    def begin(self) -> None:
        """Start in a process that replaces a dead one: use the pack of the others."""
        self.use_shared_pack()
        self._refresh()

    def use_shared_pack(self) -> None:
        """Take the pack that the other processes use, which may be newer than that of the master.

        There are facts for it; those for the newest pack may not fit yet.
        """
        kept = self._shared.pack()
        newest = self.packs.newest
        if kept is not None and (newest is None or newest.content != kept.content):
            try:
                pack = self.packs.pack(kept.content, kept.moment)
            except Exception:
                LOG.exception("the pack of the other processes is invalid")
            else:
                self.packs.use(pack)

    def start(self, seconds: float) -> None:
        """Start to check pack and facts at an interval.

        Raises:
            RuntimeError: The system has no thread left.
        """
        for loop in self._loops:
            loop.start(seconds)

    # --- checks ---------------------------------------------------------------------------------

    def look_at_pack(self) -> None:
        """Compile the pack if it has changed, and use it if there are facts for it."""
        self.packs.look()
        if self.packs.newest is not self._pack:
            self._refresh()

    def look_at_facts(self) -> None:
        """Take the newest revision: an old one must not stay in use where nobody asks."""
        self._require_whole()
        if self._looks.word() != self._word:
            self._refresh()
        problems = self._problems()
        if problems != self._reported:
            self._reported = problems
            self._counts.refused(self.packs.problems, (*self._looks.problems(), *self._fault))
            for problem in self._fault:
                LOG.error("not taken, the last good one stays: %s", problem)

    def _refresh(self) -> None:
        """Use the newest revision, by the newest pack that there is a store for."""
        with self._lock:
            word = self._looks.word()
            if not word:
                self._drop()
                return
            try:
                self._take()
            except StoreError as error:
                self._fault = (Problem(str(self._stores.path), 0, str(error)),)
                if isinstance(error, DamagedStoreError):
                    self._drop()  # an older revision is in the same damaged file
            else:
                self._fault = ()
                self._word = word

    def _drop(self) -> None:
        """Answer nothing until there is another store."""
        self._pair, self._file, self._word = None, None, 0

    def _require_whole(self) -> None:
        """Leave a store that somebody has truncated: the next access to it ends the process."""
        with self._lock:
            if self._file is not None and self._file.is_truncated():
                LOG.error("the store `%s` has been truncated; nothing is answered", self._file.path)
                self._damaged = self._file.path
                self._drop()

    def _take(self) -> None:
        packs = {id(pack): pack for pack in (self.packs.newest, self._pack) if pack}
        for pack in packs.values():
            file = self._open(pack.layout)
            if file is None:
                continue
            self._file = file
            snapshot = StoredSnapshot(file)
            pair, is_new = Pair(pack.policy, snapshot), self._pack is not pack
            self._counts.used(self._pair, pair)
            self._pack, self._pair = pack, pair
            self.on_pair()
            if is_new:
                LOG.info(
                    "answering from policy %s and data %s", pack.policy.revision, snapshot.revision
                )
                self._shared.put(SharedPack(pack.moment, pack.content), None)
            return

    def _open(self, layout: Layout) -> StoreFile | None:
        """Return the newest store of a layout; None if there is none."""
        path = self._stores.newest(layout.digest)
        if path == self._damaged:
            return None
        known = self._file if self._file and self._file.layout.digest == layout.digest else None
        if path is None:
            return known  # it was removed, and the follower keeps it up
        return known if known is not None and known.path == path else StoreFile(path, layout)
