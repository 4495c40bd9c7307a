"""The follower: the one process of a sidecar that reads the source of the facts.

It keeps a store up with the source. While a newer pack waits for facts that fit its schema, the
store of the present schema is kept up. A faulty change is refused as a whole: the last revision
stays. Workers see a revision once it is committed, and learn of each completed look through
`SharedLooks`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from sidecar.errors import InvalidDocumentsError, InvalidSnapshotError, Problem
from sidecar.facts import MountFaults
from sidecar.facts.sources import Look, LookState, Position, Source
from sidecar.facts.store.applier import apply_changes
from sidecar.facts.store.directory import StoreDirectory, remove
from sidecar.facts.store.file import (
    DamagedStoreError,
    Meta,
    StoreError,
    StoreFile,
    boot_id,
    read_meta,
    write_meta,
)
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.pages import check_pages
from sidecar.facts.store.reports import bad_rows, refused_for
from sidecar.reload.builds import Builds
from sidecar.reload.packs import RETRY_SECONDS, Pack, Packs
from sidecar.reload.reloader import WAITING
from sidecar.reload.shared_look import SharedLooks
from sidecar.reload.store_builder import publish_store
from sidecar.reload.store_guard import StoreGuard
from sidecar.reload.wakeup import Wakeup
from sidecar.watch import elapsed

LOG = logging.getLogger("sidecar")

STORE_SECONDS = 1.0
"""Seconds after which changes that could not be written are tried again: a disk may be full."""

PAUSE_SECONDS = 0.01
"""Seconds between two looks, however many requests wait for newer facts. It is doubled after each
call that led to no change, up to the interval of the looks: some wait for what never comes."""

READERS_SECONDS = 10.0
"""Seconds between two removals of the read transactions that dead processes have left."""

_PATIENCE = 5
"""How many times as long as a refused attempt took the next one is put off."""

_NUMBERS_PER_SECOND = 10


class Progress(NamedTuple):
    """How far a follower has come."""

    source: str
    """Its name, without a password; empty before it is opened."""
    position: Position | None
    """That of the store; None before there is one."""
    revision: str
    """Of the store; empty before there is one."""
    is_building: bool
    """Whether all rows are being read."""


class Follower:
    """Keeps the stores of a sidecar up with the source; one process runs it."""

    def __init__(  # noqa: PLR0913, PLR0917  what the processes share, and two clocks
        self,
        packs: Packs,
        stores: StoreDirectory,
        source_of: Callable[[Pack], Source],
        looks: SharedLooks,
        clock: Callable[[], float] = elapsed,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow.

        Args:
            packs: The packs, whose schemas say how rows are read.
            stores: The directory of the stores.
            source_of: Returns the source for schema and mapping of a pack.
            looks: Receives looks and problems.
            clock: Returns seconds of the clock of all processes.
            now: Returns the seconds since 1970, for the names of revisions.
        """
        self._packs = packs
        self._stores = stores
        self._source_of = source_of
        self._looks = looks
        self._clock = clock
        self._now = now
        self._pack: Pack | None = None
        """The pack by whose schema the store is kept."""
        self._source: Source | None = None
        self._store: StoreFile | None = None
        self._meta: Meta | None = None
        """What the store holds."""
        self._lost: Meta | None = None
        """What the last store held, if it was given up."""
        self._guard: StoreGuard | None = None
        self._complete_until = 0.0
        """When the source was last known to have all that the store holds, and no more."""
        self._retry_at = 0.0
        """When to try refused changes again."""
        self._builds = Builds(stores, clock)
        self._problems: tuple[Problem, ...] = ()
        """Why the newest changes are not in use."""
        self._bad_rows: tuple[Problem, ...] = ()
        """Those that the store has taken."""
        self._reported: tuple[Problem, ...] = ()
        self._has_begun = False
        self._pause = PAUSE_SECONDS

    def step(self) -> None:
        """Check pack and source once, and take what is new.

        Raises:
            SourceError: The source of a new schema cannot be used.
        """
        if self._has_begun:  # first with the pack that has a store
            self._packs.look()
        self._has_begun = True
        newest = self._packs.newest
        try:
            if newest is not None:
                self._use_pack(newest)
            self._finish_build()
            self._require_store()
            if self._meta is not None:
                self._follow()
        except DamagedStoreError as error:
            self._give_up(str(error))
        except StoreError as error:
            self._reopen()
            self._problems = (Problem(str(self._stores.path), 0, str(error)),)
            self._retry_at = self._clock() + STORE_SECONDS
        finally:
            self._report()

    def progress(self) -> Progress:
        """Return how far the follower has come."""
        meta = self._meta
        source = self._source or (self._builds.running and self._builds.running.source)
        return Progress(
            source.name if source else "",
            None if meta is None else Position.parse(meta.position),
            "" if meta is None else meta.revision,
            self._builds.running is not None,
        )

    def wait(self, seconds: float, wakeup: Wakeup) -> None:
        """Wait until the next step is due, or until a wake-up, but for a pause in any case."""
        pause = min(seconds, self._pause)
        time.sleep(pause)
        if self._source is None:
            time.sleep(seconds - pause)
        else:
            self._source.wait(seconds - pause, wakeup)
        self._pause = 2 * pause if wakeup.clear() else PAUSE_SECONDS

    def close(self) -> None:
        """Stop to follow."""
        self._builds.stop()
        if self._source is not None:
            self._source.close()
        if self._store is not None:
            self._store.close()

    # --- stores ---------------------------------------------------------------------------------

    def _use_pack(self, newest: Pack) -> None:
        """Follow by schema and mapping of the newest pack, if a store for it can be had."""
        if newest is self._pack:
            return
        if self._store is not None and self._store.layout.digest == newest.layout.digest:
            self._pack = newest
            self._builds.forget_refused(kept=newest.layout)
        elif self._builds.running is None and not self._open(newest):
            self._build(newest)

    def _open(self, pack: Pack) -> bool:
        """Open the store of a pack; return whether there is a usable one."""
        layout = pack.layout
        path = self._stores.newest(layout.digest)
        if path is None:
            return False
        store = None
        try:
            check_pages(path)
            store = StoreFile(path, layout, writable=True)
            with store.reading() as transaction:
                meta = read_meta(transaction, layout)
                usable = meta is not None and meta.boot == boot_id()
        except (StoreError, UnicodeDecodeError) as error:
            LOG.warning("a store is built anew: %s", error)
            meta, usable = None, False
            if self._store is None:  # the workers have it open
                self._looks.withdraw()
        if meta is None or not usable or store is None:
            if store is not None:
                store.close()
            self._stores.remove_all_but({self._store.path} if self._store else set())
            return False
        self._take(pack, store, meta, self._source_of(pack))
        return True

    def _take(self, pack: Pack, store: StoreFile, meta: Meta, source: Source) -> None:
        """Follow with a store."""
        if self._source is not None and self._source is not source:
            self._source.close()
        if self._store is not None:
            self._store.close()
        self._pack, self._store, self._meta, self._source = pack, store, meta, source
        self._retry_at, self._problems, self._lost = 0.0, (), None
        self._builds.forget_refused()
        self._complete_until = meta.looked
        with store.reading() as transaction:
            self._bad_rows = bad_rows(transaction, store.layout)
        self._guard = StoreGuard(store, self._clock)
        self._stores.remove_all_but({store.path})

    def _reopen(self) -> None:
        """Open the store again after an error; a store that cannot be read is built anew."""
        pack = self._pack
        if self._store is not None:
            with suppress(StoreError):
                self._store.close()
        self._store, self._meta = None, None
        if pack is not None and not self._open(pack):
            self._pack = None  # so that it is built

    def _require_store(self) -> None:
        """Make sure that nobody else has changed the files of the store.

        Raises:
            DamagedStoreError: Somebody has.
        """
        store, pack = self._store, self._pack
        if store is None or pack is None or self._guard is None:
            return
        self._guard.require_intact()
        if not store.is_in_place() and self._builds.is_due(store.layout):
            LOG.error("the store `%s` has been removed and is built anew", store.path)
            remove(store.path)  # others must not open what is left of it
            self._begin_build(pack)

    def _give_up(self, fault: str) -> None:
        """Let nobody read a damaged store, and build it anew."""
        self._looks.withdraw()
        LOG.error("a store is built anew: %s", fault)
        store, self._lost = self._store, self._meta or self._lost
        self._store, self._meta, self._pack = None, None, None
        self._problems = (Problem(str(self._stores.path), 0, f"{fault}; it is built anew"),)
        if store is not None:
            remove(store.path)
            with suppress(StoreError):
                store.close()

    # --- building -------------------------------------------------------------------------------

    def _build(self, pack: Pack) -> None:
        """Begin to build the store of a pack, if it is due."""
        if self._builds.is_due(pack.layout):
            self._begin_build(pack)

    def _begin_build(self, pack: Pack) -> None:
        replaced = self._meta or self._lost
        self._builds.begin(pack, self._source_of(pack), self._next_number(), replaced, self._store)

    def _next_number(self) -> int:
        """Return the number of the first revision of a store: it was never used before."""
        return max(self._number() + 1, int(self._now() * _NUMBERS_PER_SECOND))

    def _number(self) -> int:
        meta = self._meta or self._lost
        return 0 if meta is None else meta.number

    def _finish_build(self) -> None:
        """Take the store that was built, once it is complete."""
        ended = self._builds.take_ended()
        if ended is None:
            return
        build, built = ended
        if built.path is None:
            self._builds.refuse(build, built.position, built.problems)
            return
        source, layout = build.source, build.pack.layout
        if too_early := self._not_yet(built.path, layout):
            remove(built.path)
            self._builds.refuse(build, built.position, too_early)
            return
        replaced = self._meta if self._number() != build.number else None
        try:
            path, meta = publish_store(
                self._stores,
                built.path,
                layout,
                self._next_number(),
                source,
                replaced,
            )
        except (InvalidDocumentsError, StoreError) as error:
            remove(built.path)
            place = str(self._stores.path)
            problems = getattr(error, "problems", (Problem(place, 0, str(error)),))
            self._builds.refuse(build, None, problems)
            return
        LOG.info("all rows of %s have been read", source.name)
        self._take(build.pack, StoreFile(path, layout, writable=True), meta, source)
        self._looks.publish(meta.number, meta.looked)

    def _not_yet(self, path: Path, layout: Layout) -> tuple[Problem, ...]:
        """Return the faults of rows that would be bad by the schema of a new store alone."""
        used = self._store
        if used is None or used.layout.digest == layout.digest or self._problems:
            return ()
        built = StoreFile(path, layout)
        try:
            with built.reading() as transaction, used.reading() as present:
                return refused_for((transaction, layout), (present, used.layout))
        finally:
            built.close()

    # --- changes --------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Look at the source once, and apply what has changed."""
        source, meta = self._source, self._meta
        if source is None or meta is None or self._store is None:
            return
        moment, position = self._clock(), Position.parse(meta.position)
        try:
            look = source.look(position)
            if look.state is LookState.UNCHANGED:
                self._confirm(meta, look.position, self._complete(moment, look))
            elif look.state is LookState.CHANGED and moment >= self._retry_at:
                self._apply(source, meta, position, look)
        except InvalidDocumentsError as error:
            self._problems = error.problems
            if not self._looks.word():  # what it held when it was last looked at
                self._looks.publish(meta.number, meta.looked)

    def _complete(self, moment: float, look: Look) -> float:
        """Return until when the facts of a look are complete: never earlier than before."""
        return max(moment - look.lag, self._complete_until)

    def _confirm(self, meta: Meta, position: Position, moment: float) -> None:
        """Record that the source holds the facts of the store."""
        if self._store is None:
            return
        self._problems, self._complete_until = (), moment
        moved = meta.position != position.text()
        if moved or moment - meta.looked > READERS_SECONDS:
            meta = replace(meta, position=position.text(), looked=moment)
            with self._store.writing() as transaction:
                write_meta(transaction, meta)
            self._meta = meta
            self._store.environment.reader_check()
        self._looks.publish(meta.number, moment)

    def _apply(self, source: Source, meta: Meta, since: Position, look: Look) -> None:
        if self._store is None:
            return
        begin = self._clock()
        moment = self._complete(begin, look)
        faults, bad = MountFaults(), self._bad_rows
        try:
            with self._store.writing() as transaction:
                with source.changes(since, faults) as changes:
                    if changes is not None:
                        apply_changes(self._store, transaction, changes.tables, faults)
                if changes is not None:
                    place = changes.position.text()
                    meta = replace(meta, number=meta.number + 1, position=place, looked=moment)
                    write_meta(transaction, meta)
                    bad = bad_rows(transaction, self._store.layout)
        except InvalidSnapshotError as error:
            self._problems = error.problems
            now = self._clock()
            self._retry_at = now + min(RETRY_SECONDS, (now - begin) * _PATIENCE)
            return
        if changes is None:
            if self._pack is not None:
                self._build(self._pack)
            return
        self._meta, self._problems, self._bad_rows = meta, (), bad
        self._complete_until, self._pause = moment, PAUSE_SECONDS
        self._looks.publish(meta.number, moment)

    # --- problems -------------------------------------------------------------------------------

    def _report(self) -> None:
        waiting = self._builds.problems
        if self._meta is not None and self._packs.newest is not self._pack:
            waiting = tuple(
                Problem(problem.file, problem.line, f"{WAITING}: {problem.message}")
                for problem in waiting
            )
        refused, bad = (*waiting, *self._problems), self._bad_rows
        problems = (*refused, *bad)
        if problems != self._reported:
            for problem in refused:
                LOG.error("not taken, the last good one stays: %s", problem)
            for problem in bad:
                LOG.error("taken: %s", problem)
            if not problems:
                LOG.info("nothing is wrong with the facts any more")
            self._reported = problems
            self._looks.report(self._clock(), problems)
