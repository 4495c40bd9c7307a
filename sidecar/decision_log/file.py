"""Whole lines, appended to a file that several processes share, and rotate, as others may."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Protocol

from sidecar.decision_log.descriptor import Descriptor
from sidecar.decision_log.predecessor import Predecessor, predecessor_in
from sidecar.decision_log.rotation import Limits, Rotation
from sidecar.decision_log.shared import LogBusyError, Shared

LOG = logging.getLogger("sidecar")

STDOUT = "-"

SLOW_SECONDS = 0.1
"""A write that took longer makes the file slow, for a while.

Most of the time that a write takes on a busy machine it waits for a core, or for the threads of
this process; a thread of its own would wait no less. That is some hundredths of a second.
"""

SLOW_FOR_SECONDS = 10.0

NO_LIMITS = Limits()


class UnwrittenError(OSError):
    """Lines were not written, or not all of them, or the last of them not as a whole."""


class Content(Protocol):
    """What is appended; both methods are called while nobody else writes."""

    def compose(self) -> bytes:
        """Return lines, one or many, the end of the last included. It may be called again."""

    def settle(self, written: int) -> None:
        """Take note of how many bytes were appended: fewer than all if that failed."""


class LineFile:
    """A file of lines, or standard output.

    Made before the workers are forked: they share the turns, so that lines longer than a pipe
    takes at once are not mixed.
    """

    def __init__(
        self, path: str, limits: Limits = NO_LIMITS, clock: Callable[[], float] = time.time
    ) -> None:
        """Open it; a file that is not there is made.

        Args:
            path: Of the file; `STDOUT` is standard output.
            limits: When it is rotated.
            clock: Returns seconds since 1970.

        Raises:
            OSError: It cannot be written.
        """
        self.name = "standard output" if path == STDOUT else path
        self.shared = Shared()
        self.clock = clock
        self._path = None if path == STDOUT else path
        self._rotation = Rotation(Path(path), limits, clock) if limits.exist else None
        self._torn = False
        """Whether what was written to a pipe ends within a line; of a file, it is looked at."""
        self._end = -1
        """Where this process ended its last line; -1 where it has written none to the file."""
        self._slow_until = 0.0
        self._file: Descriptor | None = self._open()
        self.regular = self._file.regular
        if self._path is not None and self.regular:
            # It can be written, that is enough: a process that never writes, such as the one that
            # forks the workers, would keep a file that others have deleted, and its space.
            self._file.close()
            self._file = None

    def write(self, content: Content, *, wait: bool = True) -> None:
        """Append lines.

        Args:
            content: The lines.
            wait: Whether the caller may be kept waiting, by other processes or a slow file.

        Raises:
            UnwrittenError: They were not written, or not all; then the next begins a new line.
            LogBusyError: Writing would wait, and the caller may not.
        """
        if not wait and not self.is_quick():
            raise LogBusyError
        self.shared.take_turn(wait=wait)
        begun = monotonic()
        try:
            rotated = self._append(content, wait=wait)
        finally:
            self.shared.end_turn()
            ended = monotonic()
            if ended > begun + SLOW_SECONDS:
                self._slow_until = ended + SLOW_FOR_SECONDS
        if rotated is not None:
            rotated.delete_old()

    def predecessor(self) -> Predecessor | None:
        """Return the last line with a hash, whoever has written it; None where there is none."""
        return None if self._path is None else predecessor_in(Path(self._path))

    def is_quick(self) -> bool:
        """Tell whether a line keeps nobody waiting: no pipe, and no disk that was slow lately."""
        return self.regular and (not self._slow_until or monotonic() >= self._slow_until)

    def _append(self, content: Content, *, wait: bool) -> Rotation | None:
        """Append lines; return the rotation if the file was rotated before."""
        lines = content.compose()
        written = 0
        try:
            file, size, rotated = self._prepare(len(lines), wait=wait)
            while written < len(lines):
                written += file.write(lines[written:] if written else lines)
            self._torn, self._end = False, size + written
        except OSError as error:
            if written:
                self._torn = not lines[:written].endswith(b"\n")
            content.settle(written)
            raise UnwrittenError(error.errno, error.strerror) from error
        content.settle(written)
        return rotated

    def _prepare(self, more: int, *, wait: bool) -> tuple[Descriptor, int, Rotation | None]:
        """Have the file that stands at the path by now, at the beginning of a line.

        Args:
            more: How many bytes are to be appended.
            wait: Whether the caller may be kept waiting.

        Returns:
            The file, its size, and the rotation if it was rotated.

        Raises:
            OSError: It cannot be written.
            LogBusyError: It has to be rotated, and the caller may not wait.
        """
        status = self._status()
        self._close_moved(status)
        rotation = None
        if self._rotation is not None and status and self._rotation.is_due(status, more):
            if not wait:
                raise LogBusyError
            rotation = self._rotate(self._rotation, more)
            status = self._status()
        if self._file is None:
            self._file, self._end = self._open(), -1
            self.regular = self._file.regular
            status = self._file.status()
        size = status.st_size if status else 0
        if self.regular:
            # What ends where this process has ended a line need not be looked at.
            self._torn = size != self._end and self._file.ends_within_a_line(size)
        if self._torn:
            size += self._file.write(b"\n")
        return self._file, size, rotation

    def _rotate(self, rotation: Rotation, more: int) -> Rotation | None:
        """Rename the file; return the rotation if this process has renamed it.

        Raises:
            OSError: It cannot be opened.
        """
        if self._file is None:
            self._file, self._end = self._open(), -1
        done = rotation.rename(self._file, more)
        self._close_moved(self._status())
        return rotation if done else None

    def _open(self) -> Descriptor:
        return Descriptor(1) if self._path is None else Descriptor.at(self._path)

    def _status(self) -> os.stat_result | None:
        """Return the status of what stands at the path; None if nothing does."""
        if self._path is None:
            return None
        try:
            return os.stat(self._path)  # noqa: PTH116  asked for each write, and a Path costs more
        except FileNotFoundError:
            return None

    def look(self) -> None:
        """Close a file that is no longer the one at its path; rename one whose period is over.

        Raises:
            OSError: It cannot be opened.
        """
        with self.shared.threads:
            self._close_moved(status := self._status())
        rotation, renamed = self._rotation, None
        if rotation is None or status is None or not rotation.is_due(status, 0):
            return
        try:
            self.shared.take_turn(wait=False)
        except LogBusyError:
            return  # whoever writes renames it
        try:
            renamed = self._rotate(rotation, 0)
        finally:
            self.shared.end_turn()
        if renamed is not None:
            renamed.delete_old()

    def _close_moved(self, status: os.stat_result | None) -> None:
        file = self._file
        if file is not None and self._path is not None and not file.is_at(status):
            self._file = None
            file.close()

    def close(self) -> None:
        """Close what was opened."""
        self.shared.close()
        if self._path is not None and self._file is not None:
            self._file.close()
