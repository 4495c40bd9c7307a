"""A wake-up of the follower: a request that waits for newer facts has it look at once."""

from __future__ import annotations

import os
from contextlib import suppress


class Wakeup:
    """A pipe of the processes that are forked later."""

    def __init__(self) -> None:
        """Make the pipe."""
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)

    def call(self) -> None:
        """Wake the follower; calls before its next look are one."""
        with suppress(BlockingIOError):  # the pipe is full of calls
            os.write(self._writer, b"\0")

    def clear(self) -> bool:
        """Forget the calls, and return whether there were any: one look is for all of them."""
        found = False
        with suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                found = True
        return found

    def fileno(self) -> int:
        """Return what can be read once somebody has called."""
        return self._reader
