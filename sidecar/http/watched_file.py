"""A file of the operator that says who is known, read again whenever it changes."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sidecar.errors import InvalidSettingError, Problem
from sidecar.watch import (
    CheckLoop,
    Fingerprint,
    Fingerprints,
    Stability,
    StabilityMonitor,
    digest_of,
    read_file,
)

LOG = logging.getLogger("sidecar")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What one reading of the file has found; nothing is known where there are problems."""

    value: T
    problems: tuple[Problem, ...] = ()


class WatchedFile(ABC, Generic[T]):
    """A file whose last good version is not held on to.

    What is wrong with a new version may have been written to shut somebody out.
    """

    def __init__(self, file: Path, nothing: T, max_bytes: int, how_to: str) -> None:
        """Prepare to read.

        Args:
            file: The file.
            nothing: What is known without it.
            max_bytes: Its greatest length.
            how_to: What the operator has to write into it.
        """
        self._file = file
        self._nothing = nothing
        self._max_bytes = max_bytes
        self._how_to = how_to
        self.reading = Reading(nothing)
        self._fingerprints = Fingerprints()
        self._stability = StabilityMonitor()
        self._taken: Fingerprint | None = None
        """What was read last; None where it could not be read."""
        self._loop = CheckLoop(str(file), self.look)

    @abstractmethod
    def parse(self, name: str, content: bytes) -> Reading[T]:
        """Return what a content says, or its problems, in which no part of it is told."""

    @abstractmethod
    def report(self, reading: Reading[T]) -> None:
        """Log what a new reading means."""

    def inspect(self, status: os.stat_result) -> None:
        """Look at the status of the file, which `report` is no place for."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the file."""
        return self.reading.problems

    def load(self) -> None:
        """Read the file for the first time.

        Raises:
            InvalidSettingError: It cannot be used.
        """
        self._read()
        if self.problems:
            raise InvalidSettingError(first_of(self.problems))

    @property
    def failures(self) -> tuple[Problem, ...]:
        """Return what is wrong with looking at the file."""
        return self._loop.problems()

    def start(self, seconds: float) -> None:
        """Begin to look at the file, so often.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        self._loop.start(seconds)

    def look(self) -> None:
        """Read the file if it has changed and come to rest."""
        found = self._fingerprint()
        stability = self._stability.observe(found)
        if found == self._taken:
            self._stability.mark_read()
        elif stability is not Stability.CHANGING:
            self._read()

    def begin(self) -> None:
        """Begin in a new process, which must not take what is no longer so."""
        if self._fingerprint() != self._taken:
            self._read()

    def _read(self) -> None:
        told = self.reading.problems
        self._stability.mark_read()
        self.reading, self._taken = self._reading()
        if not self.problems or self.problems != told:
            self.report(self.reading)

    def _reading(self) -> tuple[Reading[T], Fingerprint | None]:
        """Read the file; without a fingerprint it could not be read, and is tried again."""
        try:
            content = read_file(self._file, self._max_bytes + 1)
            self.inspect(self._file.stat())
        except OSError as error:
            return self._bad(f"cannot be read: {error.strerror or error}; {self._how_to}"), None
        taken = {"": digest_of(content)}
        if len(content) > self._max_bytes:
            return self._bad(f"is longer than {self._max_bytes} bytes"), taken
        return self.parse(str(self._file), content), taken

    def _bad(self, message: str) -> Reading[T]:
        return Reading(self._nothing, (Problem(str(self._file), 0, message),))

    def _fingerprint(self) -> Fingerprint:
        return self._fingerprints.take({"": self._file})


def first_of(problems: Sequence[Problem]) -> str:
    """Return one line for what is wrong."""
    others = len(problems) - 1
    return f"{problems[0]} ({others} more lines are wrong)" if others else str(problems[0])
