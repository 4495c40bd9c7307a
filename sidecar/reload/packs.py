"""The newest valid pack."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sidecar.engine.policy import Policy
from sidecar.errors import InvalidDocumentsError, InvalidPackError, Problem
from sidecar.facts.sources import SourceMapping
from sidecar.facts.store.layout import Layout
from sidecar.reload.pair import Pair
from sidecar.reload.sources import Source
from sidecar.watch import Fingerprint, Fingerprints, Stability, StabilityMonitor

ATTEMPTS = 40
"""Attempts at start-up before files that keep changing are read as they are."""

PAUSE_SECONDS = 0.05
"""Seconds between two attempts."""

RETRY_SECONDS = 5.0
"""Seconds after which a failed reading is repeated though no file has changed."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A policy, and the content of its files."""

    policy: Policy
    content: object
    """The result of `Source.read`."""
    moment: float
    """When it was read, on the monotonic clock."""
    mapping: SourceMapping
    """The tables of its types."""
    layout: Layout
    """The layout of a store of its facts."""


def waiting_revision(newest: Pack | None, pair: Pair | None) -> str:
    """Return the revision of the newest pack while a pair with another one answers, or `""`."""
    if newest is None or pair is None or newest.policy.revision == pair.policy.revision:
        return ""
    return newest.policy.revision


class Packs:
    """The newest pack of a source, compiled whenever its files have changed and are stable."""

    def __init__(
        self,
        source: Source,
        prepare: Callable[[Policy], None],
        clock: Callable[[], float],
        *,
        takes_bad_rows: bool = False,
    ) -> None:
        """Prepare to read.

        Args:
            source: The source of the policy.
            prepare: Called with each policy before it is used.
            clock: Returns seconds of a monotonic clock.
            takes_bad_rows: Whether a store takes rows that break the schema.
        """
        self._takes_bad_rows = takes_bad_rows
        self._source = source
        self._prepare = prepare
        self._clock = clock
        self._fingerprints = Fingerprints()
        self._stability = StabilityMonitor(clock)
        self._tried: Fingerprint | None = None
        self._retry_at = 0.0
        self.newest: Pack | None = None
        """The last valid pack."""
        self.problems: tuple[Problem, ...] = ()
        """The faults of the files; empty if they are the newest pack."""

    def look(self) -> None:
        """Compile the pack if it has changed and is stable."""
        fingerprint = self._fingerprint()
        stability = self._stability.observe(fingerprint)
        if self._is_settled(fingerprint):
            self._stability.mark_read()
        elif stability is not Stability.CHANGING:
            self.read()

    def read_if_changed(self) -> None:
        """Compile the pack, stable or not, unless it is the last compiled one."""
        if not self._is_settled(self._fingerprint()):
            self.read()

    def read_first(self) -> Pack:
        """Read the pack for the first time.

        Raises:
            InvalidDocumentsError: It is invalid.
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS)
            self.read()
            if self.newest or self.problems:
                break
        if self.newest is None:
            problem = Problem(str(self._source.path), 0, "changes all the time")
            raise InvalidDocumentsError(self.problems or [problem])
        return self.newest

    def use(self, pack: Pack) -> None:
        """Use a pack that another process has compiled."""
        self.newest, self._tried = pack, None

    def read(self) -> None:
        """Read the pack and compile it; its faults are kept in `problems`.

        The result is discarded if files changed while they were read.
        """
        moment, before = self._clock(), self._fingerprint()
        content: object = None
        problems: tuple[Problem, ...] = ()
        try:
            content = self._source.read()
        except InvalidPackError as error:
            problems = error.problems
        except OSError as error:
            problems = (_unreadable(self._source.path, error),)
        if self._fingerprint() != before:
            if self._stability.is_overdue():
                message = "changes all the time; replace files by renaming new ones over them"
                self.problems = (Problem(str(self._source.path), 0, message),)
            return
        self._stability.mark_read()
        self._tried, self._retry_at = before, self._clock() + RETRY_SECONDS
        if content is not None:
            problems = self._take(content, moment)
        self.problems = problems

    def pack(self, content: object, moment: float) -> Pack:
        """Return the pack of a content that this process or another has read at a moment.

        Raises:
            InvalidPackError: It is invalid.
        """
        policy = self._source.policy(content)
        mapping = self._source.mapping(content, policy.schema)
        self._prepare(policy)
        layout = Layout.of(policy.schema, takes_bad_rows=self._takes_bad_rows, tables=mapping)
        return Pack(policy, content, moment, mapping, layout)

    def _take(self, content: object, moment: float) -> tuple[Problem, ...]:
        try:
            pack = self.pack(content, moment)
        except InvalidPackError as error:
            return error.problems
        except OSError as error:
            return (_unreadable(self._source.path, error),)
        except BaseException:
            self.problems = (Problem(str(self._source.path), 0, "cannot be used; see the log"),)
            raise
        # An unchanged policy stays the same object, whose memory workers share since the fork.
        if self.newest is not None and _is_same(self.newest.policy, pack.policy):
            pack = replace(pack, policy=self.newest.policy)
        self.newest = pack
        return ()

    def _is_settled(self, fingerprint: Fingerprint) -> bool:
        retries = bool(self.problems) and self._clock() >= self._retry_at
        return fingerprint == self._tried and not retries

    def _fingerprint(self) -> Fingerprint:
        try:
            files = self._source.files()
        except OSError as error:
            return {"": error.strerror or str(error)}
        return self._fingerprints.take(files)


def _is_same(old: Policy, new: Policy) -> bool:
    return (old.schema.revision, old.revision) == (new.schema.revision, new.revision)


def _unreadable(directory: Path, error: OSError) -> Problem:
    place = str(error.filename or directory)
    return Problem(place, 0, f"cannot be read: {error.strerror or error}")
