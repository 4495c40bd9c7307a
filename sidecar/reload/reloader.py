"""Live reload: the newest policy and snapshot that are good, and belong together.

Each of the two is read again when its files have changed, in a loop of its own, so that a long
compilation keeps no revocation from being seen. Reading begins when the files have come to rest;
a mount that never does is read file by file. While a newer pack waits for facts that fit its
schema, facts go on being read by the schema of the pair that answers. The pair is swapped by one
assignment, so that a request has the old pair or the new one and never half of each.
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
from sidecar.facts import Snapshot, capture, list_files, read_mount
from sidecar.reload.packs import RETRY_SECONDS, Pack, Packs
from sidecar.reload.pair import BundlePlaces, Pair, Places, State
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

ATTEMPTS = 40
"""Readings at start-up before files that change all the time are read file by file."""

PAUSE_SECONDS = 0.05
"""Between two of them."""

WAITING = "the newer pack waits for facts that fit its schema"


def _no_preparation(_: Policy) -> None:
    """Do nothing: whoever decides once needs no policy that is prepared."""


class Reloading:
    """Keeps the newest good pair of what stands in three directories.

    Two threads call `look_at_pack` and `look_at_facts` every now and then; any number may call
    `current`, `age` and `state`.
    """

    def __init__(
        self,
        places: Places | BundlePlaces,
        prepare: Callable[[Policy], None] = _no_preparation,
        clock: Callable[[], float] = elapsed,
        shared: SharedPair | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            places: What is read.
            prepare: Is called with each policy before it answers.
            clock: Tells how much time has passed.
            shared: What the processes of one sidecar share; None where there is one process.
        """
        self._places = places
        self._clock = clock
        self._shared = shared
        self._revisions = shared.revisions if shared else SharedRevisions()
        source = places.source()
        self._packs = Packs(source, prepare, clock)
        self._fingerprints = Fingerprints()
        self._stability = StabilityMonitor(clock)
        self._lock = Lock()
        """Held by whoever changes the pair."""
        self._pair: Pair | None = None
        self._pack: Pack | None = None
        """That of the pair."""
        self._taken: Fingerprint | None = None
        """The files that the snapshot of the pair was read from."""
        self._tried: tuple[Fingerprint, str] | None = None
        """The files that were read last, and the newest schema then."""
        self._retry_at = inf
        self._confirmed: tuple[Snapshot | None, float] = (None, 0.0)
        """A snapshot, and when the files were last seen to be those that it was read from: one
        tuple, since other threads ask."""
        self._problems: tuple[Problem, ...] = ()
        """Why the facts of the mount are not those that answer."""
        self._waiting: tuple[Problem, ...] = ()
        """Why the newest pack does not answer."""
        self._told: tuple[Problem, ...] = ()
        self._loops = (
            CheckLoop(str(source.path), self.look_at_pack, clock),
            CheckLoop(str(places.data), self.look_at_facts, clock),
        )

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
        confirmed, moment = self._confirmed
        return self._clock() - moment if confirmed is snapshot else inf

    def follows(self, snapshot: Snapshot, revision: str) -> bool:
        """Tell whether a snapshot is of a revision, or newer: the mount held it later.

        Nobody knows that of a revision that none of the processes has taken.
        """
        if snapshot.revision == revision:
            return True
        confirmed, moment = self._confirmed
        seen = self._revisions.moment(revision)
        return seen is not None and confirmed is snapshot and seen <= moment

    def state(self) -> State:
        """Return what there is to know about the pair."""
        pair = self._pair
        failures = [problem for loop in self._loops for problem in loop.problems()]
        return State(pair.revisions() if pair else None, (*self._all_problems(), *failures))

    # --- the first reading ----------------------------------------------------------------------

    def load(self) -> Pair:
        """Read everything for the first time.

        Raises:
            InvalidDocumentsError: Something is wrong with it.
        """
        self.prepare()
        if self._pair is None:
            raise InvalidDocumentsError(self._all_problems())
        return self._pair

    def prepare(self) -> None:
        """Read everything for the first time; facts that cannot be used are waited for.

        Raises:
            InvalidDocumentsError: Something is wrong with the pack.
        """
        self._stability.observe(self._fingerprint())
        for _ in self._attempts():
            self._packs.read()
            if self._packs.newest or self._packs.problems:
                break
        pack = self._packs.newest
        if pack is None:
            said = "changes all the time"
            name = str(self._places.source().path)
            raise InvalidDocumentsError(self._packs.problems or [Problem(name, 0, said)])
        for last in self._attempts():
            at_rest = self._stability.observe(self._fingerprint()) is not Stability.CHANGING
            if (at_rest or last) and self._read(pack, forced=last):
                break
        self._tell()

    @staticmethod
    def _attempts() -> Iterator[bool]:
        """Yield whether it is the last attempt, with a pause between two."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            yield attempt == ATTEMPTS - 1

    # --- looks ----------------------------------------------------------------------------------

    def start(self, seconds: float) -> None:
        """Begin to look at the files, so often.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        for loop in self._loops:
            loop.start(seconds)

    def look(self) -> None:
        """Look once at everything."""
        self.look_at_pack()
        self.look_at_facts()

    def look_at_pack(self) -> None:
        """Compile the pack if it has changed, and answer from it if the facts fit it."""
        try:
            self._packs.look()
            self._adopt()
        finally:
            self._tell()

    def look_at_facts(self) -> None:
        """Read the facts if they or the schema have changed; else note that they still hold."""
        moment, found = self._clock(), self._fingerprint()
        self._confirm(found, moment)
        stability, pack = self._stability.observe(found), self._packs.newest
        if pack is None:
            return
        if (found, pack.policy.schema.revision) == self._tried and moment < self._retry_at:
            self._stability.mark_read()
        elif stability is not Stability.CHANGING:
            try:
                if is_complete(found):
                    self._read(pack, forced=self._stability.is_overdue())
                else:
                    self._miss(found)
            finally:
                self._tell()

    def _confirm(self, found: Fingerprint, moment: float) -> None:
        """Note that the files had this fingerprint at this moment, or later."""
        if found == self._taken and (pair := self._pair) is not None:
            self._confirmed = (pair.snapshot, moment)

    def _miss(self, found: Mapping[str, bytes | str]) -> None:
        """Note that files could not be read, which is no look at the facts; the next is one."""
        self._tried = None
        name = self._places.data.absolute().name
        self._problems = tuple(
            Problem(f"{name}/{file}" if file else name, 0, f"cannot be read: {said}")
            for file, said in found.items()
            if isinstance(said, str)
        )

    # --- a process of its own -------------------------------------------------------------------

    def begin(self) -> None:
        """Begin in a process that replaces a dead one.

        It was forked from the one that called `prepare`, perhaps long ago. So it takes what the
        other processes answer from; what the files have become since is for the looks. Where the
        others have nothing either, the files are read.
        """
        self._pair, self._pack, self._taken, self._tried = None, None, None, None
        try:
            self._take_over()
        except Exception:
            LOG.exception("what the other processes answer from cannot be used")
        if self._pair is None:
            self._packs.read_if_changed()
            if pack := self._packs.newest:
                self._read(pack, forced=False)
            self._tell()

    def _take_over(self) -> None:
        kept = self._shared.get() if self._shared else None
        if kept is None:
            return
        pack, facts = kept
        newest = self._packs.newest
        if newest is None or newest.content != pack.content:
            newest = Pack(self._packs.policy(pack.content), pack.content, pack.moment)
            self._packs.use(newest)
        snapshot = read_mount(newest.policy.schema, facts.mount)
        self._taken = facts.mount.fingerprint()
        self._confirmed = (snapshot, facts.moment)
        self._pack, self._problems, self._waiting = newest, (), ()
        self._pair = Pair(newest.policy, snapshot)
        self._log_pair(self._pair)
        moment = self._clock()
        self._confirm(self._fingerprint(), moment)

    # --- reading --------------------------------------------------------------------------------

    def _read(self, pack: Pack, *, forced: bool) -> bool:
        """Read the facts; tell whether they held still.

        Args:
            pack: The newest one.
            forced: Whether it suffices that each file held still by itself.
        """
        moment, mount = self._clock(), capture(self._places.data)
        if mount.unreadable:
            self._miss(mount.unreadable)
            return True
        if not mount.whole and not forced:
            return False
        self._stability.mark_read()
        found, schema = mount.fingerprint(), pack.policy.schema.revision
        self._tried, self._retry_at = (found, schema), inf
        if found == self._taken and self._pair and self._pair.policy.schema.revision == schema:
            self._problems = self._waiting = ()
            self._confirm(found, moment)
            return True
        try:
            self._read_mount(pack, SharedFacts(moment, mount), found)
        except BaseException:
            self._retry_at = self._clock() + RETRY_SECONDS
            self._problems = (Problem(str(self._places.data), 0, "cannot be used; see the log"),)
            raise
        return True

    def _read_mount(self, newest: Pack, facts: SharedFacts, found: Fingerprint) -> None:
        """Read facts by the newest schema that they fit, and answer from them."""
        packs = {each.policy.schema.revision: each for each in (newest, self._pack) if each}
        faults: list[tuple[Problem, ...]] = []
        for pack in packs.values():
            try:
                snapshot = read_mount(pack.policy.schema, facts.mount)
            except InvalidSnapshotError as error:
                faults.append(error.problems)
                continue
            self._waiting = _waiting(faults[0]) if faults else ()
            self._problems = ()
            self._swap(pack, snapshot, facts, found)
            return
        self._waiting = _waiting(faults[0]) if len(faults) > 1 else ()
        self._problems = faults[-1]

    def _swap(self, pack: Pack, snapshot: Snapshot, facts: SharedFacts, found: Fingerprint) -> None:
        """Answer from a snapshot, and from the newest policy that has its schema."""
        with self._lock:
            newest = self._packs.newest
            if newest and newest.policy.schema.revision == snapshot.schema.revision:
                pack = newest
            pair = self._pair
            if pair and _is_same(pair.snapshot, snapshot):
                # What has not changed stays the same object, with all that is remembered of it.
                snapshot = pair.snapshot
            self._taken, self._confirmed = found, (snapshot, facts.moment)
            self._answer_from(pack, snapshot, facts)
            self._revisions.note(snapshot.revision, facts.moment)

    def _adopt(self) -> None:
        """Answer from the newest policy if it has the schema of the snapshot."""
        with self._lock:
            newest, pair = self._packs.newest, self._pair
            if newest is None or pair is None or newest is self._pack:
                return
            if newest.policy.schema.revision == pair.snapshot.schema.revision:
                self._waiting = ()
                self._answer_from(newest, pair.snapshot, None)

    def _answer_from(self, pack: Pack, snapshot: Snapshot, facts: SharedFacts | None) -> None:
        pair = Pair(pack.policy, snapshot)
        self._pack = pack
        if pair != self._pair:
            self._pair = pair
            self._log_pair(pair)
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

    def _tell(self) -> None:
        problems = self._all_problems()
        with self._lock:
            new = problems != self._told
            self._told = problems
        if new:
            for problem in problems:
                if self._pair:
                    LOG.error("not taken, the last good one stays: %s", problem)
                else:
                    LOG.error("waiting, there is nothing to answer from: %s", problem)

    def _all_problems(self) -> tuple[Problem, ...]:
        return (*self._packs.problems, *self._waiting, *self._problems)


def _is_same(old: Snapshot, new: Snapshot) -> bool:
    return (old.schema.revision, old.revision) == (new.schema.revision, new.revision)


def _waiting(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    return tuple(Problem(each.file, each.line, f"{WAITING}: {each.message}") for each in problems)
