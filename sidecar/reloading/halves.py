"""One half of what answers: read when its files have changed, and only if they held still."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sidecar.errors import InvalidDocumentsError, Problem
from sidecar.facts import stamp
from sidecar.schema import Schema


class Reading(Protocol):
    """A policy or a snapshot, of which this module knows no more."""

    @property
    def revision(self) -> str:
        """Return a hash of its content."""

    @property
    def schema(self) -> Schema:
        """Return the schema that it was read by."""


T = TypeVar("T", bound=Reading)

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Half(Generic[T]):
    """One half of the pair: the last good reading, and the stamp of the last one, good or bad."""

    def __init__(
        self, name: str, stamp: Callable[[], object], clock: Callable[[], float] = elapsed
    ) -> None:
        self.name = name
        self.stamp = stamp
        self.clock = clock
        self.good: T | None = None
        self.confirmed: tuple[T | None, float] = (None, 0.0)
        """A good reading, and when the files were last seen to be those that it was read from:
        one tuple, since other threads ask."""
        self.problems: tuple[Problem, ...] = ()
        self.tried: object = None

    def outdated(self) -> bool:
        """Tell whether the files are not those of the last reading."""
        return self.tried is None or self.tried != self.stamp()

    def read(self, reading: Callable[[], T]) -> None:
        """Read the files as they are; what is wrong with them is kept in `problems`."""
        before = self.stamp()
        good: T | None = None
        problems: tuple[Problem, ...] = (Problem(self.name, 0, "cannot be read; see the log"),)
        try:
            good, problems = reading(), ()
        except InvalidDocumentsError as error:
            problems = error.problems
        except OSError as error:
            said = f"cannot be read: {error.strerror or error}"
            problems = (Problem(str(error.filename or self.name), 0, said),)
        finally:
            moment = self.clock()
            after = self.stamp()
            if after == before:
                self.tried, self.problems = before, problems
                self._take(good)
                self.confirm(after, moment)
            else:
                self.tried = None

    def confirm(self, stamp: object, moment: float) -> None:
        """Note that the files had this stamp at this moment, or later."""
        if stamp == self.tried and not self.problems:
            self.confirmed = (self.good, moment)

    def _take(self, good: T | None) -> None:
        old = self.good
        # What has not changed stays the same object, which workers share since they were forked.
        if good is not None and not (old is not None and _hashes(old) == _hashes(good)):
            self.good = good

    def retry(self) -> None:
        """Have the files read again at the next occasion if the last reading was bad."""
        if self.problems:
            self.tried = None

    def forget(self) -> None:
        """Drop a reading that the files have left behind."""
        if self.outdated():
            self.good, self.tried = None, None


def _hashes(reading: Reading) -> tuple[str, str]:
    return reading.schema.revision, reading.revision


def stamp_of_pack(policies: Path, fixtures: Path) -> object:
    """Return what changes whenever a file of the pack does; suites and worlds are no part of it."""
    return (_stamp(policies, (".polar",)), _stamp(fixtures, (".yaml", ".yml")))


def stamp_of_mount(directory: Path) -> object:
    """Return what changes whenever a file of the mount does, or the mount itself goes or comes."""
    try:
        return stamp(directory)
    except OSError as error:
        return error.errno


def _stamp(directory: Path, suffixes: tuple[str, ...]) -> object:
    try:
        with os.scandir(directory) as entries:
            found = [entry for entry in entries if entry.name.endswith(suffixes)]
            stats = [(entry.name, entry.stat()) for entry in found]
    except OSError as error:
        return error.errno
    return frozenset(
        (name, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        for name, stat in stats
    )
