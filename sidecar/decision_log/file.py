"""Whole lines, appended to a file that several processes share and others may rotate."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import tempfile
import threading
from collections.abc import Iterator
from time import monotonic

STDOUT = "-"

WAIT_MS = 1000
"""How long a pipe whose reader has fallen behind is waited for."""

SLOW_SECONDS = 0.1
"""A write that took longer makes the file slow, for a while.

Most of the time that a write takes on a busy machine it waits for a core, or for the threads of
this process; a thread of its own would wait no less. That is some hundredths of a second.
"""

SLOW_FOR_SECONDS = 10.0

_COUNT_BYTES = 8


class UnwrittenError(OSError):
    """Lines were not written, or not all of them, or the last of them not as a whole."""

    def __init__(self, error: OSError, lines: int) -> None:
        super().__init__(error.errno, error.strerror)
        self.lines = lines
        """How many are not there as a whole."""


class LineFile:
    """A file of lines, or standard output.

    Made before the workers are forked: they share the turns, so that lines longer than a pipe
    takes at once are not mixed, and the count of what was lost.
    """

    def __init__(self, path: str) -> None:
        """Open it; a file that is not there is made.

        Raises:
            OSError: It cannot be written.
        """
        self.name = "standard output" if path == STDOUT else path
        self._path = None if path == STDOUT else path
        self._shared = _shared_memory()
        self._turn = _Turn(self._shared)
        self._torn = False
        self._slow_until = 0.0
        self._file = _Descriptor(1 if self._path is None else _opened(self._path))

    def write(self, lines: bytes) -> None:
        """Append lines, one or many, the end of the last included.

        Raises:
            UnwrittenError: They were not written, or not all; then the next begins a new line.
        """
        begun = monotonic()
        written = 0
        try:
            with self._turn:
                self._prepare()
                self._torn = True
                for count in self._file.write(lines):
                    written += count
                self._torn = False
        except OSError as error:
            raise UnwrittenError(error, lines.count(b"\n", written)) from error
        finally:
            ended = monotonic()
            if ended > begun + SLOW_SECONDS:
                self._slow_until = ended + SLOW_FOR_SECONDS

    def is_quick(self) -> bool:
        """Tell whether a line keeps nobody waiting: no pipe, and no disk that was slow lately."""
        return self._file.regular and (not self._slow_until or monotonic() >= self._slow_until)

    def _prepare(self) -> None:
        """Have the file that stands at the path by now, at the beginning of a line."""
        if self._path is not None and self._file.has_moved(self._path):
            old, self._file = self._file, _Descriptor(_opened(self._path))
            old.close()
        if self._torn or self._file.ends_within_a_line():
            self._torn = True
            for _ in self._file.write(b"\n"):
                self._torn = False

    def count_lost(self, lines: int) -> None:
        """Count lines that were not written."""
        with self._turn:
            lost = self._read_lost() + lines
            os.pwrite(self._shared, lost.to_bytes(_COUNT_BYTES, "little"), 0)

    def lost(self) -> int:
        """Return how many lines were not written, by all processes together."""
        return self._read_lost()

    def close(self) -> None:
        """Close what was opened."""
        os.close(self._shared)
        if self._path is not None:
            self._file.close()

    def _read_lost(self) -> int:
        return int.from_bytes(os.pread(self._shared, _COUNT_BYTES, 0), "little")


class _Turn:
    """A time in which nobody else writes: no other thread, and no other process."""

    def __init__(self, shared: int) -> None:
        self._shared = shared
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            # The lock is of the process: it goes when the process dies in the middle.
            fcntl.lockf(self._shared, fcntl.LOCK_EX)
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            fcntl.lockf(self._shared, fcntl.LOCK_UN)
        finally:
            self._lock.release()


class _Descriptor:
    """An open file, and what is known of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        found = os.fstat(descriptor)
        self._identity = (found.st_dev, found.st_ino)
        self.regular = stat.S_ISREG(found.st_mode) and (
            fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        )
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def has_moved(self, path: str) -> bool:
        """Tell whether another file, or none, stands at the path by now."""
        try:
            found = os.stat(path)  # noqa: PTH116  asked for each line, and a Path costs more
        except FileNotFoundError:
            return True
        return (found.st_dev, found.st_ino) != self._identity

    def ends_within_a_line(self) -> bool:
        """Tell whether somebody, who may be dead by now, wrote a part of a line."""
        if not self.regular:
            return False
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        return size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def write(self, lines: bytes) -> Iterator[int]:
        """Write all of it and yield how much was written, time and again.

        At once to a file, and to a pipe without ever waiting for ever.
        """
        piece = len(lines) if self.regular else select.PIPE_BUF
        while lines:
            if not self.regular and not self._poll.poll(WAIT_MS):
                raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")
            count = os.write(self._descriptor, lines[:piece])
            yield count
            lines = lines[count:]

    def close(self) -> None:
        os.close(self._descriptor)


def _opened(path: str) -> int:
    # Also for reading: to see whether the last line is whole.
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _shared_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("turns", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
