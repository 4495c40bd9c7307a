"""Live reload: the newest valid policy and snapshot of one schema.

Policy and facts are reloaded in separate loops, so that a long compilation does not delay a
revocation. Files are read when they are stable; a mount that keeps changing is read file by file.
While a newer pack waits for facts that fit its schema, facts are read by the schema of the current
pair. The pair is replaced by one assignment, so that a request uses the old pair or the new one and
never half of each.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from math import inf
from threading import Lock

from sidecar.engine.policy import Policy
from sidecar.errors import (
    InvalidDocumentsError,
    InvalidSnapshotError,
    Problem,
    SnapshotUnavailableError,
)
from sidecar.facts import Facts, Mount, Snapshot, capture, list_files, read_mount
from sidecar.metrics import Counters
from sidecar.reload.packs import (
    ATTEMPTS,
    PAUSE_SECONDS,
    RETRY_SECONDS,
    Pack,
    Packs,
    waiting_revision,
)
from sidecar.reload.pair import BundlePlaces, Pair, Places, State
from sidecar.reload.reload_counts import ReloadCounts
from sidecar.reload.shared_pair import SharedFacts, SharedPack, SharedPair, SharedRevisions
from sidecar.watch import (
    CheckLoop,
    Fingerprint,
    Fingerprints,
    Stability,
    StabilityMonitor,
    elapsed,
    is_complete,
)

LOG = logging.getLogger("sidecar")

WAITING = "the newer pack waits for facts that fit its schema"


def _no_preparation(_: Policy) -> None:
    """Do nothing: a single decision needs no prepared policy."""


class Reloading:
    """The newest valid pair of the files.

    Two threads call `look_at_pack` and `look_at_facts` at an interval; any number may call
    `current`, `age` and `state`.
    """

    def __init__(
        self,
        places: Places | BundlePlaces,
        prepare: Callable[[Policy], None] = _no_preparation,
        clock: Callable[[], float] = elapsed,
        shared: SharedPair | None = None,
        counters: Counters | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            places: The paths of the files.
            prepare: Called with each policy before it is used.
            clock: Returns seconds of a monotonic clock.
            shared: The memory that the processes of a sidecar share; None for a single process.
            counters: Count what is used and refused; None if nobody sees the counts.
        """
        self._places = places
        self._clock = clock
        self._shared = shared
        self._counts = ReloadCounts(counters)
        self._revisions = shared.revisions if shared else SharedRevisions()
        source = places.source()
        self._packs = Packs(source, prepare, clock)
        self._fingerprints = Fingerprints()
        self._stability = StabilityMonitor(clock)
        self.on_pair: Callable[[], None] = lambda: None
        """Called when there is another pair."""
        self._lock = Lock()
        """Held while the pair is changed."""
        self._pair: Pair | None = None
        self._pack: Pack | None = None
        """The pack of the pair."""
        self._taken: Fingerprint | None = None
        """The files of the snapshot of the pair."""
        self._tried: tuple[Fingerprint, str] | None = None
        """The files that were read last, and the revision of the newest schema then."""
        self._retry_at = inf
        self._confirmed: tuple[Facts | None, float] = (None, 0.0)
        """A snapshot, and when its files were last seen unchanged: one tuple for all threads."""
        self._problems: tuple[Problem, ...] = ()
        """Why the facts of the mount are not in use."""
        self._waiting: tuple[Problem, ...] = ()
        """Why the newest pack is not in use."""
        self._reported: tuple[Problem, ...] = ()
        self._loops = (
            CheckLoop(str(source.path), self.look_at_pack, clock),
            CheckLoop(str(places.data), self.look_at_facts, clock),
        )

    def current(self) -> Pair:
        """Return the current pair.

        Raises:
            SnapshotUnavailableError: There is none yet.
        """
        if (pair := self._pair) is None:
            raise SnapshotUnavailableError("there is nothing to answer from; `/readyz` says why")
        return pair

    def age(self, snapshot: Facts) -> float:
        """Return the seconds since the mount was last seen to hold a snapshot.

        Infinite for a snapshot that is not the newest.
        """
        confirmed, moment = self._confirmed
        return self._clock() - moment if confirmed is snapshot else inf

    def follows(self, snapshot: Facts, revision: str) -> bool:
        """Return whether a snapshot is of a revision or newer: the mount held it later.

        False for a revision that none of the processes has read.
        """
        if snapshot.revision == revision:
            return True
        confirmed, moment = self._confirmed
        seen = self._revisions.moment(revision)
        return seen is not None and confirmed is snapshot and seen <= moment

    def state(self) -> State:
        """Return the pair, and the problems of the files and the loops."""
        pair = self._pair
        failures = [problem for loop in self._loops for problem in loop.problems()]
        problems = (*self._all_problems(), *self._bad_rows(), *failures)
        return State(pair, problems, waiting_revision(self._packs.newest, pair))

    # --- the first reading ----------------------------------------------------------------------

    def load(self) -> Pair:
        """Read all files for the first time.

        Raises:
            InvalidDocumentsError: The files are invalid.
        """
        self.prepare()
        if self._pair is None:
            raise InvalidDocumentsError(self._all_problems())
        return self._pair

    def prepare(self) -> None:
        """Read all files for the first time; invalid facts leave the pair empty.

        Raises:
            InvalidDocumentsError: The pack is invalid.
        """
        self._stability.observe(self._fingerprint())
        pack = self._packs.read_first()
        for last in self._attempts():
            is_stable = self._stability.observe(self._fingerprint()) is not Stability.CHANGING
            if (is_stable or last) and self._read(pack, forced=last):
                break
        self._report()

    @staticmethod
    def _attempts() -> Iterator[bool]:
        """Yield whether it is the last attempt, with a pause between two."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            yield attempt == ATTEMPTS - 1

    # --- checks ---------------------------------------------------------------------------------

    def start(self, seconds: float) -> None:
        """Start to check the files at an interval.

        Raises:
            RuntimeError: The system has no thread left.
        """
        for loop in self._loops:
            loop.start(seconds)

    def look(self) -> None:
        """Check all files once."""
        self.look_at_pack()
        self.look_at_facts()

    def look_at_pack(self) -> None:
        """Compile the pack if it has changed, and use it if the facts fit it."""
        try:
            self._packs.look()
            self._adopt()
        finally:
            self._report()

    def look_at_facts(self) -> None:
        """Read the facts if they or the schema have changed, or record that they have not."""
        moment, fingerprint = self._clock(), self._fingerprint()
        self._confirm(fingerprint, moment)
        stability, pack = self._stability.observe(fingerprint), self._packs.newest
        if pack is None:
            return
        if (fingerprint, pack.policy.schema.revision) == self._tried and moment < self._retry_at:
            self._stability.mark_read()
        elif stability is not Stability.CHANGING:
            try:
                if is_complete(fingerprint):
                    self._read(pack, forced=self._stability.is_overdue())
                else:
                    self._miss(fingerprint)
            finally:
                self._report()

    def _confirm(self, fingerprint: Fingerprint, moment: float) -> None:
        """Record that the files had a fingerprint at a time."""
        if fingerprint == self._taken and (pair := self._pair) is not None:
            self._confirmed = (pair.snapshot, moment)

    def _miss(self, fingerprint: Mapping[str, bytes | str]) -> None:
        """Record that files could not be read; the next check reads all of them."""
        self._tried = None
        name = self._places.data.absolute().name
        self._problems = tuple(
            Problem(f"{name}/{file}" if file else name, 0, f"cannot be read: {cause}")
            for file, cause in fingerprint.items()
            if isinstance(cause, str)
        )

    # --- a process of its own -------------------------------------------------------------------

    def begin(self) -> None:
        """Start in a process that replaces a dead one.

        It was forked from the one that called `prepare`, perhaps long ago. So it adopts the pair of
        the other processes; later changes of the files are left to the checks. If the others have
        no pair, the files are read.
        """
        self._pair, self._pack, self._taken, self._tried = None, None, None, None
        try:
            self._take_over()
        except Exception:
            LOG.exception("the pair of the other processes is invalid")
        if self._pair is None:
            self._packs.read_if_changed()
            if pack := self._packs.newest:
                self._read(pack, forced=False)
            self._report()

    def _take_over(self) -> None:
        kept = self._shared.get() if self._shared else None
        if kept is None:
            return
        pack, facts = kept
        newest = self._packs.newest
        if newest is None or newest.content != pack.content:
            newest = self._packs.pack(pack.content, pack.moment)
            self._packs.use(newest)
        snapshot = self._snapshot(newest, facts.mount)
        self._taken = facts.mount.fingerprint()
        self._confirmed = (snapshot, facts.moment)
        self._pack, self._problems, self._waiting = newest, (), ()
        self._pair = Pair(newest.policy, snapshot)
        self._log_pair(self._pair)
        moment = self._clock()
        self._confirm(self._fingerprint(), moment)

    # --- reading --------------------------------------------------------------------------------

    def _read(self, pack: Pack, *, forced: bool) -> bool:
        """Read the facts; return whether they were stable.

        Args:
            pack: The newest pack.
            forced: Whether it suffices that each file was stable by itself.
        """
        moment, mount = self._clock(), capture(self._places.data)
        if mount.unreadable:
            self._miss(mount.unreadable)
            return True
        if not mount.whole and not forced:
            return False
        self._stability.mark_read()
        fingerprint, schema = mount.fingerprint(), pack.policy.schema.revision
        self._tried, self._retry_at = (fingerprint, schema), inf
        if (
            fingerprint == self._taken
            and self._pair
            and self._pair.policy.schema.revision == schema
        ):
            self._problems = self._waiting = ()
            self._confirm(fingerprint, moment)
            return True
        try:
            self._read_mount(pack, SharedFacts(moment, mount), fingerprint)
        except BaseException:
            self._retry_at = self._clock() + RETRY_SECONDS
            self._problems = (Problem(str(self._places.data), 0, "cannot be used; see the log"),)
            raise
        return True

    def _read_mount(self, newest: Pack, facts: SharedFacts, fingerprint: Fingerprint) -> None:
        """Read facts by the newest schema that they fit, and use them.

        Those with bad rows fit a newer schema if the one in use has the same bad rows, or more.
        """
        packs = {pack.policy.schema.revision: pack for pack in (newest, self._pack) if pack}
        found: list[tuple[Pack, Snapshot]] = []
        faults: list[tuple[Problem, ...]] = []
        for pack in packs.values():
            try:
                found.append((pack, self._snapshot(pack, facts.mount)))
            except InvalidSnapshotError as error:
                faults.append(error.problems)
                continue
            if not found[-1][1].problems():
                break
        if len(found) > 1 and (too_early := found[0][1].refused_for(found[1][1])):
            faults.append(too_early)
            del found[0]
        if found:
            pack, snapshot = found[0]
            waits = pack.policy.schema.revision != newest.policy.schema.revision
            self._waiting = _waiting(faults[0]) if waits else ()
            self._problems = ()
            self._swap(pack, snapshot, facts, fingerprint)
            return
        self._waiting = _waiting(faults[0]) if len(faults) > 1 else ()
        self._problems = faults[-1]

    def _snapshot(self, pack: Pack, mount: Mount) -> Snapshot:
        """Return the facts of a mount.

        Raises:
            InvalidSnapshotError: They do not fit the schema of the pack.
        """
        takes_bad_rows = self._places.takes_bad_rows
        return read_mount(pack.policy.schema, mount, takes_bad_rows=takes_bad_rows)

    def _swap(
        self, pack: Pack, snapshot: Facts, facts: SharedFacts, fingerprint: Fingerprint
    ) -> None:
        """Use a snapshot, with the newest policy of its schema."""
        with self._lock:
            newest = self._packs.newest
            if newest and newest.policy.schema.revision == snapshot.schema.revision:
                pack = newest
            pair = self._pair
            if pair and _is_same(pair.snapshot, snapshot):
                # An unchanged snapshot stays the same object, with its caches.
                snapshot = pair.snapshot
            self._taken, self._confirmed = fingerprint, (snapshot, facts.moment)
            self._use(pack, snapshot, facts)
            self._revisions.note(snapshot.revision, facts.moment)

    def _adopt(self) -> None:
        """Use the newest policy if it has the schema of the snapshot."""
        with self._lock:
            newest, pair = self._packs.newest, self._pair
            if newest is None or pair is None or newest is self._pack:
                return
            if newest.policy.schema.revision == pair.snapshot.schema.revision:
                self._waiting = ()
                self._use(newest, pair.snapshot, None)

    def _use(self, pack: Pack, snapshot: Facts, facts: SharedFacts | None) -> None:
        pair = Pair(pack.policy, snapshot)
        self._pack = pack
        if pair != self._pair:
            self._counts.used(self._pair, pair)
            self._pair = pair
            self.on_pair()
            self._log_pair(pair)
            for problem in self._bad_rows():
                LOG.error("taken: %s", problem)
        if self._shared:
            self._shared.put(SharedPack(pack.moment, pack.content), facts)

    @staticmethod
    def _log_pair(pair: Pair) -> None:
        policy, data = pair.policy.revision, pair.snapshot.revision
        LOG.info("answering from policy %s and data %s", policy, data)

    def _fingerprint(self) -> Fingerprint:
        try:
            files = list_files(self._places.data)
        except OSError as error:
            return {"": error.strerror or str(error)}
        return self._fingerprints.take(files)

    def _report(self) -> None:
        problems = self._all_problems()
        with self._lock:
            new = problems != self._reported
            self._reported = problems
            self._counts.refused((*self._packs.problems, *self._waiting), self._problems)
        if new and not problems:
            LOG.info("nothing is wrong with the newest files any more")
        if new:
            for problem in problems:
                if self._pair:
                    LOG.error("not taken, the last good one stays: %s", problem)
                else:
                    LOG.error("waiting, there is nothing to answer from: %s", problem)

    def _all_problems(self) -> tuple[Problem, ...]:
        return (*self._packs.problems, *self._waiting, *self._problems)

    def _bad_rows(self) -> tuple[Problem, ...]:
        snapshot = self._pair.snapshot if self._pair else None
        return snapshot.problems() if isinstance(snapshot, Snapshot) else ()


def _is_same(old: Facts, new: Facts) -> bool:
    return (old.schema.revision, old.revision) == (new.schema.revision, new.revision)


def _waiting(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    return tuple(
        Problem(problem.file, problem.line, f"{WAITING}: {problem.message}") for problem in problems
    )
