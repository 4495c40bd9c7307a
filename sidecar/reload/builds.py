"""Builds of stores: one at a time, and none again of what was refused and has not changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.errors import InvalidDocumentsError, Problem
from sidecar.facts.sources import LookState, Position, Source
from sidecar.facts.store.directory import StoreDirectory
from sidecar.facts.store.file import Meta, StoreFile
from sidecar.facts.store.layout import Layout
from sidecar.reload.build_process import BuildProcess
from sidecar.reload.packs import RETRY_SECONDS, Pack
from sidecar.reload.store_builder import Built, build_store

LOG = logging.getLogger("sidecar")

MAX_PAUSE_SECONDS = 300.0
"""Seconds after which a build that had too little memory is tried again, at most."""


@dataclass(frozen=True, slots=True)
class Build:
    """A store that is being built."""

    pack: Pack
    source: Source
    number: int
    """The number of the revision in use when it began."""
    process: BuildProcess


@dataclass(slots=True)
class _Refused:
    """A store that could not be built."""

    layout: str
    """The digest of its layout."""
    source: Source
    position: Position | None
    """The position of the rows, if they could be read."""
    retry_at: float


class Builds:
    """Runs the builds of a follower."""

    def __init__(self, stores: StoreDirectory, clock: Callable[[], float]) -> None:
        """Run none yet.

        Args:
            stores: The directory of the stores.
            clock: Returns seconds of the clock of all processes.
        """
        self.running: Build | None = None
        self.problems: tuple[Problem, ...] = ()
        """Why the last store could not be built."""
        self._stores = stores
        self._clock = clock
        self._refused: _Refused | None = None
        self._cut_off = 0
        """How many builds in sequence have had too little memory."""

    def is_due(self, layout: Layout) -> bool:
        """Return whether to build a store: what was refused is not read again unchanged."""
        if self.running is not None:
            return False
        refused = self._refused
        if refused is None or refused.layout != layout.digest:
            return True
        if self._clock() < refused.retry_at:
            return False
        if not self._cut_off:
            refused.retry_at = self._clock() + RETRY_SECONDS
        if refused.position is None:
            return True
        try:
            return refused.source.look(refused.position).state is LookState.CHANGED
        except InvalidDocumentsError as error:
            self.problems = error.problems
            return False

    def begin(
        self,
        pack: Pack,
        source: Source,
        number: int,
        replaced: Meta | None,
        used: StoreFile | None,
    ) -> None:
        """Begin to build the store of a pack.

        Args:
            pack: The pack.
            source: All rows of it are read.
            number: That of the first revision of the store.
            replaced: What the store before it holds, if there is one.
            used: The store in use, whose file is kept.
        """
        stores, layout = self._stores, pack.layout

        def build() -> Built:
            return build_store(stores, layout, source, number, replaced)

        LOG.info("reading all rows of %s", source.name)
        # A process that was killed leaves its files, which would fill the disk in the end.
        stores.remove_all_but({used.path} if used else set())
        replaced_number = 0 if replaced is None else replaced.number
        self.running = Build(pack, source, replaced_number, BuildProcess(build))

    def take_ended(self) -> tuple[Build, Built] | None:
        """Return a build that has ended, and its outcome; None if there is none."""
        build = self.running
        if build is None or build.process.is_running():
            return None
        self.running = None
        built = build.process.outcome(build.source.name)
        self._cut_off = self._cut_off + 1 if built.was_cut_off else 0
        return build, built

    def refuse(
        self, build: Build, position: Position | None, problems: tuple[Problem, ...]
    ) -> None:
        """Remember why a store cannot be used.

        Args:
            build: How it was built.
            position: The position of its rows; None if they could not be read.
            problems: What is wrong.
        """
        pause = RETRY_SECONDS
        if self._cut_off:
            # To read everything burdens the source, and the memory is likely to be what it was.
            pause = min(RETRY_SECONDS * 2 ** (self._cut_off - 1), MAX_PAUSE_SECONDS)
            problems = tuple(
                Problem(each.file, each.line, f"{each.message}; it is tried again in {pause:.0f} s")
                for each in problems
            )
        layout, retry_at = build.pack.layout.digest, self._clock() + pause
        self._refused = _Refused(layout, build.source, position, retry_at)
        self.problems = problems

    def forget_refused(self, kept: Layout | None = None) -> None:
        """Forget the store that was refused, unless it has the layout that is kept."""
        if kept is None or (self._refused is not None and self._refused.layout != kept.digest):
            self._refused, self.problems = None, ()

    def stop(self) -> None:
        """End the build that is running."""
        if self.running is not None:
            self.running.process.stop()
            self.running.source.close()
