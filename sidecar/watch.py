"""Files that are watched: what they hold, whether they are at rest, and the loop that looks.

Everything that is watched (policies, fixtures, facts, tokens, certificates) is watched by these.
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
"""The coarsest clock that file systems have: a file that changed so lately can change again without
another stamp, so its content is compared too."""

PATIENCE_SECONDS = 2.0
"""After this time files that do not come to rest are read all the same."""

OVERDUE_SECONDS = 10.0
"""After this time a look that has not ended is reported."""

READ_ATTEMPTS = 5
"""Readings of one file that changes while it is read."""

_PIECE = 1 << 20
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


# --- one file -----------------------------------------------------------------------------------


class Stamp(NamedTuple):
    """The identity and the times of a file: another stamp is another state of it."""

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
    """Open a file for reading, and never wait for the writer of a pipe.

    Raises:
        OSError: It cannot be opened, or is no regular file.
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


def read_file(path: Path, most: int = -1) -> bytes:
    """Return the content of a file, at most so many bytes of it.

    Raises:
        OSError: It cannot be read, is no regular file, or does not hold still.
    """
    for _ in range(READ_ATTEMPTS):
        with open_regular(path) as stream:
            before = stamp_of(os.fstat(stream.fileno()))
            content = stream.read(most)
            if stamp_of(os.fstat(stream.fileno())) == before:
                return content
    said = "it changes while it is read; replace it by renaming a new file over it"
    raise OSError(errno.EAGAIN, said, str(path))


# --- the state of several files -----------------------------------------------------------------

Fingerprint: TypeAlias = Mapping[str, bytes | str]
"""Of each file, by its name, a hash of its content; why not, where it cannot be read."""


def digest_of(content: bytes) -> bytes:
    """Return the hash of a content, as fingerprints have it."""
    return sha256(content).digest()


def is_complete(fingerprint: Fingerprint) -> bool:
    """Tell whether every file could be read."""
    return all(isinstance(each, bytes) for each in fingerprint.values())


class Fingerprints:
    """Takes fingerprints; a file is read again only where its stamp is new or cannot tell."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, bytes]] = {}

    def take(self, files: Mapping[str, Path]) -> Fingerprint:
        """Return the fingerprint of these files; it never raises."""
        known: dict[str, tuple[Stamp, bytes]] = {}
        found: dict[str, bytes | str] = {}
        for name, path in files.items():
            try:
                found[name] = self._digest(name, path, known)
            except OSError as error:
                found[name] = error.strerror or str(error)
        self._known = known
        return found

    def _digest(self, name: str, path: Path, known: dict[str, tuple[Stamp, bytes]]) -> bytes:
        # Without a descriptor: there may be none left, and a file that has not changed needs none.
        stamp, held = stamp_of(path.stat()), self._known.get(name)
        if held is not None and held[0] == stamp:
            known[name] = held
            return held[1]
        now = time.time_ns()
        digest = sha256()
        with open_regular(path) as stream:
            stamp = stamp_of(os.fstat(stream.fileno()))
            while piece := stream.read(_PIECE):
                digest.update(piece)
            after = stamp_of(os.fstat(stream.fileno()))
        times = (stamp.modified_ns, stamp.changed_ns)
        if after == stamp and all(abs(now - each) > GRAIN_NS for each in times):
            known[name] = (stamp, digest.digest())
        return digest.digest()


# --- when to read -------------------------------------------------------------------------------


class Motion(Enum):
    """How what is watched has moved between two looks."""

    MOVING = "moving"
    RESTLESS = "restless"
    """It has not been at rest for so long that it is not waited for any longer."""
    AT_REST = "at rest"


class Rest:
    """Tells when files have come to rest, so that a set of them is not read half-written."""

    def __init__(self, clock: Callable[[], float] = elapsed) -> None:
        self._clock = clock
        self._last: object = None
        self._since: float | None = None

    def observe(self, state: object) -> Motion:
        """Compare the state of the files with that of the last look."""
        rests, self._last = state == self._last, state
        if self._since is None:
            self._since = self._clock()
        if rests:
            return Motion.AT_REST
        return Motion.RESTLESS if self.is_restless() else Motion.MOVING

    def is_restless(self) -> bool:
        """Tell whether what began to move has not been read for too long."""
        return self._since is not None and self._clock() - self._since >= PATIENCE_SECONDS

    def settle(self) -> None:
        """Note that the last state has been read, or needs no reading.

        Files that were read though they moved have not come to rest by that: the time that parsing
        took counts for the next reading, unless they are seen at rest.
        """
        self._since = self._clock() if self.is_restless() else None


# --- the loop -----------------------------------------------------------------------------------


class Loop:
    """Looks again and again, in one thread that outlives every error; both are reported."""

    def __init__(
        self, name: str, look: Callable[[], None], clock: Callable[[], float] = elapsed
    ) -> None:
        """Prepare to look.

        Args:
            name: Of what is looked at, for the log and `problems`.
            look: Looks once.
            clock: Tells for how long a look has not ended.
        """
        self._name = name
        self._look = look
        self._clock = clock
        self._failure = ""
        self._thread: Thread | None = None
        self._ended: float | None = None
        """When the last look ended; None before there is a loop."""

    def start(self, seconds: float) -> None:
        """Begin to look, so often; nothing happens where it has begun.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        self._ended = self._clock()
        if self._thread is None or not self._thread.is_alive():
            arguments = (seconds, Event())
            thread = Thread(target=self.run, args=arguments, name=self._name, daemon=True)
            thread.start()
            self._thread = thread

    def run(self, seconds: float, stop: Event) -> None:
        """Look until `stop` is set."""
        self._ended = self._clock()
        while not stop.wait(seconds):
            self._look_once()
            self._ended = self._clock()

    def _look_once(self) -> None:
        try:
            self._look()
        except Exception as error:
            said = f"a look failed and is tried again (`{type(error).__name__}`); see the log"
            if said != self._failure:
                LOG.exception("%s: a look failed and is tried again", self._name)
            self._failure = said
        else:
            if self._failure:
                LOG.info("%s: looks succeed again", self._name)
            self._failure = ""

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with looking: the last look failed, or one does not end."""
        found = []
        if self._failure:
            found.append(Problem(self._name, 0, self._failure))
        if self._ended is not None and (late := self._clock() - self._ended) > OVERDUE_SECONDS:
            found.append(Problem(self._name, 0, f"a look has not ended for {late:.0f} s"))
        return tuple(found)
