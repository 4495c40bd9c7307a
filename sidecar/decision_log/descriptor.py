"""An open file, pipe or standard output that lines are appended to."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
from contextlib import suppress
from time import sleep

WAIT_MS = 1000
"""How long a pipe whose reader has fallen behind is waited for."""

WRITE_SECONDS = 0.05
"""Longer than a line grows by nothing that is being written."""


class Descriptor:
    """An open file, and what is known of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        self._identity = (status.st_dev, status.st_ino)
        self.regular = stat.S_ISREG(status.st_mode) and (
            fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        )
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    @classmethod
    def at(cls, path: str) -> Descriptor:
        """Open a file; one that is not there is made.

        Raises:
            OSError: It cannot be written.
        """
        # Also for reading: to see whether the last line is whole.
        return cls(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def is_at(self, status: os.stat_result | None) -> bool:
        """Tell whether it is the file of a status."""
        return status is not None and (status.st_dev, status.st_ino) == self._identity

    def lock(self) -> bool:
        """Lock the file, also against other starts of the sidecar; False if another has the lock.

        Where the file system has no locks, it counts as locked.
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def unlock(self) -> None:
        """Unlock the file."""
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def status(self) -> os.stat_result:
        """Return the present status."""
        return os.fstat(self._descriptor)

    def ends_within_a_line(self, size: int) -> bool:
        """Tell whether somebody, who may be dead by now, wrote a part of a line.

        Another start of the sidecar may be in the middle of a write: it is waited for.

        Args:
            size: The present size in bytes.
        """
        while size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n":
            sleep(WRITE_SECONDS)
            before, size = size, self.status().st_size
            if size == before:
                return True
        return False

    def write(self, lines: bytes) -> int:
        """Write all, or what a pipe takes at once, which is not waited for for ever.

        Returns:
            How many bytes were written.

        Raises:
            OSError: None could be written.
        """
        if self.regular:
            return os.write(self._descriptor, lines)
        if not self._poll.poll(WAIT_MS):
            raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")
        return os.write(self._descriptor, lines[: select.PIPE_BUF])

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)
