"""Files that are kept for later commands. Whatever fails, it is as if nothing were kept.

They stand in ``sidecar`` below ``XDG_CACHE_HOME`` (by default ``~/.cache``), named after a digest
of all that their content depends on, and begin with a digest of the content. What is altered, or
could have been written by another user, is not read.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

MOST_BYTES = 256 << 20
"""Of all files of the cache; the oldest ones go first."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class DiskCache:
    """Files of one directory, each with a key. Whatever fails, it is as if nothing were kept."""

    directory: Path | None
    """None where nothing is to be kept."""

    @classmethod
    def default(cls) -> Self:
        """Return the cache of this user; one that keeps nothing where the system names no home."""
        given = os.environ.get("XDG_CACHE_HOME", "")  # noqa: TID251  as its specification says
        if Path(given).is_absolute():
            return cls(Path(given) / "sidecar")
        with suppress(RuntimeError):
            return cls(Path.home() / ".cache" / "sidecar")
        return cls(None)

    def read(self, key: bytes) -> bytes | None:
        """Return what is kept under a key; None where nothing is, or it cannot be trusted."""
        if self.directory is None or not _is_own_directory(self.directory):
            return None
        try:
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(self.directory / key.hex(), flags), "rb") as file:
                if not _is_own(os.fstat(file.fileno())):
                    return None
                digest, content = file.read(len(key)), file.read()
                with suppress(OSError):
                    os.utime(file.fileno())  # what was used last is kept longest
        except OSError:
            return None
        return content if digest == sha256(key + content).digest() else None

    def write(self, key: bytes, content: bytes) -> None:
        """Keep something under a key, and forget the oldest files where there are too many."""
        directory = self.directory
        if directory is None or len(content) > MOST_BYTES // 2:
            return
        with suppress(OSError):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own_directory(directory):
                _replace(directory / key.hex(), sha256(key + content).digest() + content)
                _shrink(directory)


def _is_own(status: os.stat_result) -> bool:
    """Return whether nobody else can have written a file."""
    mine = status.st_uid == os.geteuid() and not status.st_mode & _OTHERS
    return mine and stat.S_ISREG(status.st_mode)


def _is_own_directory(directory: Path) -> bool:
    """Return whether nobody else can put files into a directory."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not writable


def _replace(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all of it or nothing."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _shrink(directory: Path) -> None:
    """Remove the oldest files until the others fit; what another process removes is gone."""
    files = []
    for path in directory.iterdir():
        with suppress(OSError):
            status = path.lstat()
            files.append((status.st_mtime, status.st_size, path))
    kept = 0
    for _, size, path in sorted(files, reverse=True):
        kept += size
        if kept > MOST_BYTES:
            path.unlink(missing_ok=True)
