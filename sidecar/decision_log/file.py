"""Whole lines, appended to a file that several processes share and others may rotate."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import select
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

LOG = logging.getLogger("sidecar")

STDOUT = "-"

WAIT_MS = 1000
"""How long a pipe whose reader has fallen behind is waited for."""

SLOW_SECONDS = 0.1
"""A write that took longer makes the file slow, for a while.

Most of the time that a write takes on a busy machine it waits for a core, or for the threads of
this process; a thread of its own would wait no less. That is some hundredths of a second.
"""

SLOW_FOR_SECONDS = 10.0

LOCK_SECONDS = 1.0
"""How long another process is waited for that writes: longer than any write of one that runs."""

LOCK_PAUSE_SECONDS = 0.0002
"""Between two attempts to lock."""

_COUNT_BYTES = 8


class LogBusyError(Exception):
    """Writing would wait, and the caller may not."""


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
        self._file: _Descriptor | None = self._open()
        self._regular = self._file.regular
        if self._path is not None and self._regular:
            # It can be written, that is enough: a process that never writes, such as the one that
            # forks the workers, would keep a file that others have deleted, and its space.
            self._file.close()
            self._file = None

    def write(self, lines: bytes, *, wait: bool = True) -> None:
        """Append lines, one or many, the end of the last included.

        Args:
            lines: They may be many.
            wait: Whether the caller may be kept waiting, by other processes or a slow file.

        Raises:
            UnwrittenError: They were not written, or not all; then the next begins a new line.
            LogBusyError: Writing would wait, and the caller may not.
        """
        if not wait and not self.is_quick():
            raise LogBusyError
        begun = monotonic()
        written = 0
        try:
            with self._turn.taken(wait=wait):
                begun = monotonic()
                file = self._prepare()
                self._torn = True
                for count in file.write(lines):
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
        return self._regular and (not self._slow_until or monotonic() >= self._slow_until)

    def _prepare(self) -> _Descriptor:
        """Have the file that stands at the path by now, at the beginning of a line."""
        self._close_moved()
        if self._file is None:
            self._file = self._open()
            self._regular = self._file.regular
        if self._torn or self._file.ends_within_a_line():
            self._torn = True
            for _ in self._file.write(b"\n"):
                self._torn = False
        return self._file

    def _open(self) -> _Descriptor:
        return _Descriptor(1 if self._path is None else _opened(self._path))

    def close_if_moved(self) -> None:
        """Close a file that is no longer the one at its path."""
        with self._turn.threads:
            self._close_moved()

    def _close_moved(self) -> None:
        file = self._file
        if file is not None and self._path is not None and file.has_moved(self._path):
            self._file = None
            file.close()

    def count_lost(self, lines: int) -> None:
        """Count lines that were not written."""
        with self._turn.taken(wait=True):
            lost = self._read_lost() + lines
            os.pwrite(self._shared, lost.to_bytes(_COUNT_BYTES, "little"), 0)

    def lost(self) -> int:
        """Return how many lines were not written, by all processes together."""
        return self._read_lost()

    def close(self) -> None:
        """Close what was opened."""
        os.close(self._shared)
        if self._path is not None and self._file is not None:
            self._file.close()

    def _read_lost(self) -> int:
        return int.from_bytes(os.pread(self._shared, _COUNT_BYTES, 0), "little")


class _Turn:
    """A time in which nobody else writes: no other thread, and no other process that runs."""

    def __init__(self, shared: int) -> None:
        self.threads = threading.Lock()
        self._shared = shared
        self._gave_up = False
        """Whether another process has kept the lock for so long that it is not waited for."""

    @contextmanager
    def taken(self, *, wait: bool) -> Iterator[None]:
        """Take the turn for a block.

        A process that was stopped while it had the turn keeps the others waiting once, for
        `LOCK_SECONDS`. They go on without the lock: lines that are appended to a file by one write
        do not mix, and those on a pipe only where they are longer than it takes at once.

        Raises:
            LogBusyError: It would be waited for, and the caller may not.
        """
        if not self.threads.acquire(blocking=wait):
            raise LogBusyError
        try:
            locked = self._lock(wait=wait)
            try:
                yield
            finally:
                if locked:
                    fcntl.lockf(self._shared, fcntl.LOCK_UN)
        finally:
            self.threads.release()

    def _lock(self, *, wait: bool) -> bool:
        ends = monotonic() + LOCK_SECONDS
        while True:
            try:
                # The lock is of the process: it goes when the process dies in the middle.
                fcntl.lockf(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):  # either, by POSIX
                if self._gave_up:
                    return False
                if not wait:
                    raise LogBusyError from None
                if monotonic() > ends:
                    LOG.warning("a process that does not go on has the lock of the decision log")
                    self._gave_up = True
                sleep(LOCK_PAUSE_SECONDS)
            else:
                self._gave_up = False
                return True


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
