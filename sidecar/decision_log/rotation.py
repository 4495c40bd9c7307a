"""Rotation: when a file is renamed, how, and which of the renamed ones are kept."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from sidecar.decision_log.descriptor import Descriptor

LOG = logging.getLogger("sidecar")

RETRY_SECONDS = 10.0
"""After a file could not be renamed it grows on, for so long at least."""

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_STAMPED = re.compile(r"\.\d{8}T\d{6}\.\d{6}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a file is rotated; None is never."""

    max_bytes: int | None = None
    """Of a file, but for a single write that is longer."""
    max_seconds: int | None = None
    """Of a period: all lines of a file are of one. Periods follow each other from 1970 on in UTC,
    so that those of 86,400 seconds are the days."""
    keep: int | None = None
    """How many renamed files are kept; None is all."""

    @property
    def exist(self) -> bool:
        """Whether there is any limit."""
        return self.max_bytes is not None or self.max_seconds is not None


class Rotation:
    """Renames the file at a path, in the turn of whoever writes to it, and deletes old ones."""

    def __init__(self, path: Path, limits: Limits, clock: Callable[[], float]) -> None:
        """Prepare to rotate.

        Args:
            path: Of the file that is written.
            limits: When it is renamed.
            clock: Returns seconds since 1970.
        """
        self._path = path
        self._limits = limits
        self._clock = clock
        self._retry_at = 0.0

    def is_due(self, status: os.stat_result, more: int) -> bool:
        """Tell whether a file has to be renamed before something is appended to it.

        Args:
            status: Of the file.
            more: How many bytes are to be appended.
        """
        limits = self._limits
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return False
        if self._retry_at and monotonic() < self._retry_at:
            return False
        if limits.max_bytes is not None and status.st_size + more > limits.max_bytes:
            return True
        seconds = limits.max_seconds
        return seconds is not None and self._clock() // seconds > status.st_mtime // seconds

    def rename(self, file: Descriptor, more: int) -> bool:
        """Rename the file, if no other start of the sidecar does or did; tell whether it is done.

        Args:
            file: The one that was found to be due, opened.
            more: How many bytes are to be appended.
        """
        if not file.lock():
            return False
        try:
            status = self._path.stat()
            if not file.is_at(status) or not self.is_due(status, more):
                return False
            self._path.rename(self._new_name())
        except FileNotFoundError:  # others were faster
            return False
        except (OSError, OverflowError) as error:  # there is no name behind the end of time
            reason = getattr(error, "strerror", None) or str(error)
            LOG.warning("the decision log %s cannot be renamed: %s", self._path, reason)
            self._retry_at = monotonic() + RETRY_SECONDS
            return False
        finally:
            file.unlock()
        return True

    def _new_name(self) -> Path:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        before = rotated_files(self._path)
        if before:  # the order of the names is that of the files, even if the clock was set back
            after = _moment_of(before[-1].name.removesuffix(".gz").removeprefix(self._path.name))
            if after is not None:
                moment = max(moment, after + timedelta(microseconds=1))
        return self._path.with_name(f"{self._path.name}.{moment.strftime(_STAMP)}")

    def delete_old(self) -> None:
        """Delete all but the renamed files that are kept; it takes as long as the disk needs."""
        if self._limits.keep is None:
            return
        files = rotated_files(self._path)
        for file in files[: max(len(files) - self._limits.keep, 0)]:
            try:
                file.unlink(missing_ok=True)  # another process may be faster
            except OSError as error:  # what was written before is written all the same
                LOG.warning("the old decision log %s cannot be deleted: %s", file, error.strerror)


def rotated_files(path: Path) -> list[Path]:
    """Return the files that were renamed from a path, compressed or not, the oldest first."""
    names = (each.name for each in path.parent.iterdir())
    return [
        path.with_name(name)
        for name in sorted(names)
        if name.startswith(path.name)
        and _moment_of(name[len(path.name) :].removesuffix(".gz")) is not None
    ]


def _moment_of(ending: str) -> datetime | None:
    """Return the moment in the ending of a name; None where there is none."""
    if not _STAMPED.fullmatch(ending):
        return None
    try:
        return datetime.strptime(ending, f".{_STAMP}").replace(tzinfo=UTC)
    except ValueError:  # of a file that somebody else has named, such as the 13th month
        return None
