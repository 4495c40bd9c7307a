"""Watch files: their fingerprints, whether they are stable, and the loop of the checks.

Policies, fixtures, facts, tokens and certificates are all watched by these classes.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Callable, Mapping
from enum import Enum
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import BinaryIO, NamedTuple, TypeAlias

from sidecar.errors import Problem

LOG = logging.getLogger("sidecar")

GRAIN_NS = 2_000_000_000
"""The coarsest resolution of time stamps: a file that has changed so recently can change again
without a new stamp, so its content is compared too."""

PATIENCE_SECONDS = 2.0
"""Seconds after which files that keep changing are read."""

OVERDUE_SECONDS = 10.0
"""Seconds after which a check that has not ended is reported."""

READ_ATTEMPTS = 5
"""Attempts to read a file that changes while it is read."""

_PIECE = 1 << 20
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return the seconds of a monotonic clock that continues while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


# --- one file -----------------------------------------------------------------------------------


class Stamp(NamedTuple):
    """The identity and the times of a file, which differ for different contents."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return Stamp(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, without blocking on a pipe.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _require_regular(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def read_file(path: Path, max_bytes: int = -1) -> bytes:
    """Return the content of a file, or its first bytes.

    Raises:
        OSError: It cannot be read, is not a regular file, or keeps changing.
    """
    for _ in range(READ_ATTEMPTS):
        with open_regular(path) as stream:
            before = stamp_of(os.fstat(stream.fileno()))
            content = stream.read(max_bytes)
            if stamp_of(os.fstat(stream.fileno())) == before:
                return content
    message = "it changes while it is read; replace it by renaming a new file over it"
    raise OSError(errno.EAGAIN, message, str(path))


# --- the state of several files -----------------------------------------------------------------

Fingerprint: TypeAlias = Mapping[str, bytes | str]
"""The hash of the content of each file, or the cause why it cannot be read, by name."""


def digest_of(content: bytes) -> bytes:
    """Return the hash of a content, as in fingerprints."""
    return sha256(content).digest()


def is_complete(fingerprint: Fingerprint) -> bool:
    """Return whether every file could be read."""
    return all(isinstance(digest, bytes) for digest in fingerprint.values())


class Fingerprints:
    """Cached fingerprints: a file is read again only if its stamp is new or too recent."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, bytes]] = {}

    def take(self, files: Mapping[str, Path]) -> Fingerprint:
        """Return the fingerprint of these files; it never raises."""
        known: dict[str, tuple[Stamp, bytes]] = {}
        fingerprint: dict[str, bytes | str] = {}
        for name, path in files.items():
            try:
                fingerprint[name] = self._digest(name, path, known)
            except OSError as error:
                fingerprint[name] = error.strerror or str(error)
        self._known = known
        return fingerprint

    def _digest(self, name: str, path: Path, known: dict[str, tuple[Stamp, bytes]]) -> bytes:
        # By path, since an unchanged file needs no descriptor, and there may be none left.
        stamp, cached = stamp_of(path.stat()), self._known.get(name)
        if cached is not None and cached[0] == stamp:
            known[name] = cached
            return cached[1]
        now = time.time_ns()
        digest = sha256()
        with open_regular(path) as stream:
            stamp = stamp_of(os.fstat(stream.fileno()))
            while piece := stream.read(_PIECE):
                digest.update(piece)
            after = stamp_of(os.fstat(stream.fileno()))
        times = (stamp.modified_ns, stamp.changed_ns)
        if after == stamp and all(abs(now - time_ns) > GRAIN_NS for time_ns in times):
            known[name] = (stamp, digest.digest())
        return digest.digest()


# --- when to read -------------------------------------------------------------------------------


class Stability(Enum):
    """Whether files have changed between two checks."""

    CHANGING = "changing"
    OVERDUE = "overdue"
    """They have been changing for so long that they must be read now."""
    STABLE = "stable"


class StabilityMonitor:
    """A monitor for changing files, so that a half-written set of files is not read."""

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._last: object = None
        self._since: float | None = None

    def observe(self, state: object) -> Stability:
        """Compare the state of the files with that of the last check."""
        is_stable, self._last = state == self._last, state
        if self._since is None:
            self._since = self._clock()
        if is_stable:
            return Stability.STABLE
        return Stability.OVERDUE if self.is_overdue() else Stability.CHANGING

    def is_overdue(self) -> bool:
        """Return whether changed files have not been read for too long."""
        return self._since is not None and self._clock() - self._since >= PATIENCE_SECONDS

    def mark_read(self) -> None:
        """Record that the last state has been read, or need not be.

        Files that were read because they were overdue are still changing: the time that parsing
        took counts for the next reading, unless they become stable.
        """
        self._since = self._clock() if self.is_overdue() else None


# --- the loop -----------------------------------------------------------------------------------


class CheckLoop:
    """A thread that repeats a check and survives every error; failures are reported."""

    def __init__(
        self, name: str, check: Callable[[], None], clock: Callable[[], float] = elapsed
    ) -> None:
        """Prepare the loop.

        Args:
            name: The checked file or directory, for the log and `problems`.
            check: Runs one check.
            clock: Returns seconds, to measure how long a check takes.
        """
        self._name = name
        self._check = check
        self._clock = clock
        self._failure = ""
        self._thread: Thread | None = None
        self._ended: float | None = None
        """When the last check ended; None before the loop starts."""

    def start(self, seconds: float) -> None:
        """Start to check at an interval, unless the loop runs already.

        Raises:
            RuntimeError: The system has no thread left.
        """
        self._ended = self._clock()
        if self._thread is None or not self._thread.is_alive():
            arguments = (seconds, Event())
            thread = Thread(target=self.run, args=arguments, name=self._name, daemon=True)
            thread.start()
            self._thread = thread

    def run(self, seconds: float, stop: Event) -> None:
        """Check until `stop` is set."""
        self._ended = self._clock()
        while not stop.wait(seconds):
            self._check_once()
            self._ended = self._clock()

    def _check_once(self) -> None:
        try:
            self._check()
        except Exception as error:
            failure = f"a check failed and is repeated (`{type(error).__name__}`); see the log"
            if failure != self._failure:
                LOG.exception("%s: a check failed and is repeated", self._name)
            self._failure = failure
        else:
            if self._failure:
                LOG.info("%s: checks succeed again", self._name)
            self._failure = ""

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems of the loop: the last check failed, or one does not end."""
        problems = []
        if self._failure:
            problems.append(Problem(self._name, 0, self._failure))
        if self._ended is not None and (late := self._clock() - self._ended) > OVERDUE_SECONDS:
            problems.append(Problem(self._name, 0, f"a check has not ended for {late:.0f} s"))
        return tuple(problems)
