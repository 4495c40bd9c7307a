"""What the processes that write one decision log share: turns, the count of losses, the chains."""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import struct
import tempfile
import threading
from collections.abc import Mapping
from time import monotonic, sleep

LOG = logging.getLogger("sidecar")

LOCK_SECONDS = 1.0
"""How long another process is waited for that writes: longer than any write of one that runs."""

LOCK_PAUSE_SECONDS = 0.0002
"""Between two attempts to lock."""

_SIZE = 64 * 1024
_NUMBER = struct.Struct("<Q")
_LOST, _CHAINS, _LENGTHS = 0, _NUMBER.size, 2 * _NUMBER.size

MAX_CHAINS = (_SIZE - _LENGTHS) // _NUMBER.size
"""Chains whose length is kept: a process has one, so that thousands must have been started."""


class LogBusyError(Exception):
    """Writing would wait, and the caller may not."""


class Shared:
    """A lock, and numbers beside it. Made before the processes are forked."""

    def __init__(self) -> None:
        self._file = _memory()
        os.ftruncate(self._file, _SIZE)
        self._numbers = mmap.mmap(self._file, _SIZE)
        self.threads = threading.Lock()
        self._locked = False
        self._gave_up = False
        """Whether another process has kept the lock for so long that it is not waited for."""

    # --- turns ----------------------------------------------------------------------------------

    def take_turn(self, *, wait: bool) -> None:
        """Take a turn, in which no other thread writes, and no other process that runs.

        A process that was stopped while it had the turn keeps the others waiting once, for
        `LOCK_SECONDS`. They go on without the lock: lines that are appended to a file by one write
        do not mix, and those on a pipe only where they are longer than it takes at once.

        Raises:
            LogBusyError: It would be waited for, and the caller may not.
        """
        if not self.threads.acquire(blocking=wait):
            raise LogBusyError
        try:
            self._locked = self._lock(wait=wait)
        except BaseException:
            self.threads.release()
            raise

    def end_turn(self) -> None:
        """End the turn of this thread."""
        if self._locked:
            fcntl.lockf(self._file, fcntl.LOCK_UN)
        self.threads.release()

    def _lock(self, *, wait: bool) -> bool:
        ends = monotonic() + LOCK_SECONDS
        while True:
            try:
                # The lock is of the process: it goes when the process dies in the middle.
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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

    # --- numbers; who changes them has the turn -------------------------------------------------

    def lost(self) -> int:
        """Return how many lines were not written, by all processes together."""
        return self._get(_LOST)

    def count_lost(self, lines: int) -> None:
        """Count lines that were not written."""
        self._set(_LOST, self.lost() + lines)

    def chains(self) -> int:
        """Return how many chains were begun: they are numbered from 1."""
        return self._get(_CHAINS)

    def set_length(self, chain: int, lines: int) -> None:
        """Keep how many lines of a chain were written."""
        if chain > self.chains():
            self._set(_CHAINS, chain)
        if chain <= MAX_CHAINS:
            self._set(_LENGTHS + (chain - 1) * _NUMBER.size, lines)

    def lengths(self, most: int) -> Mapping[int, int]:
        """Return how many lines the last chains have that were written to, by their numbers."""
        last = min(self.chains(), MAX_CHAINS)
        numbers = range(max(last - most, 0) + 1, last + 1)
        lengths = ((each, self._get(_LENGTHS + (each - 1) * _NUMBER.size)) for each in numbers)
        return {number: length for number, length in lengths if length}

    def close(self) -> None:
        """Give the memory back."""
        self._numbers.close()
        os.close(self._file)

    def _get(self, at: int) -> int:
        number: int = _NUMBER.unpack_from(self._numbers, at)[0]
        return number

    def _set(self, at: int, number: int) -> None:
        _NUMBER.pack_into(self._numbers, at, number)


def _memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("decision log", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
