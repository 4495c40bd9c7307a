"""The file of a SQLite database: a connection that follows its replacement by another file."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

from sidecar.errors import Problem, SourceError
from sidecar.watch import Stamp, stamp_of

BUSY_SECONDS = 4.0
"""Seconds to wait for the lock of a writer."""

CHANGED_MEANWHILE = "changed while it was read; replace it by renaming a new file over it"
_LOGS = ("-wal", "-journal")


class SqliteFile:
    """A read-only connection to a database.

    On a read-only mount a database in WAL mode can be opened only as immutable. SQLite then sees
    neither the log of another process nor its locks, so that is done only while there is no log,
    and the reading is discarded if the file has changed meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] = (0, 0)
        """Device and inode of the open file."""
        self._is_immutable = False
        self._process = token_hex(8)
        self._openings = 0

    @property
    def name(self) -> str:
        """The name of the file."""
        return self._path.name

    @property
    def inode(self) -> int:
        """The inode of the open file."""
        return self._opened[1]

    def connection(self) -> sqlite3.Connection:
        """Return a connection to the file that has the path now.

        Raises:
            OSError: There is no such file.
            sqlite3.Error: It cannot be opened.
        """
        status = self._path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if self._connection is None or (status.st_dev, status.st_ino) != self._opened:
            self.close()
            self._opened = (status.st_dev, status.st_ino)
            self._connection = self._open("mode=ro")
        elif self._is_immutable:
            # A new connection: this one may have kept pages of what the file was.
            self.close()
            self._connection = self._open("mode=ro")
        return self._connection

    def version(self) -> str:
        """Return a text that differs after each commit of another process."""
        if self._connection is None or self._is_immutable:
            return "-".join(map(str, self.stamp()))
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return f"{self._process}-{self._openings}-{version}"

    def stamp(self) -> Stamp:
        """Return the stamp of the file that has the path now."""
        return stamp_of(self._path.stat())

    def require_unchanged(self, stamp: Stamp) -> None:
        """Refuse what was read of an immutable file if it has changed since it had a stamp.

        Raises:
            SourceError: It has changed.
        """
        if self._is_immutable and (self.stamp() != stamp or self._has_log()):
            raise SourceError([Problem(self.name, 0, CHANGED_MEANWHILE)])

    @contextmanager
    def errors(self, table: str = "") -> Iterator[None]:
        """Turn the errors of SQLite and of the file system into ours.

        Raises:
            SourceError: There was one; the connection is closed.
        """
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.close()
            cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if cause.startswith("Could not decode"):
                cause = "it holds text that is not UTF-8"
            place = f"{self.name}: {table}" if table else self.name
            raise SourceError([Problem(place, 0, f"cannot be read: {cause}")]) from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self, mode: str) -> sqlite3.Connection:
        self._is_immutable = mode != "mode=ro"
        self._openings += 1
        connection = sqlite3.connect(
            f"file:{quote(os.fspath(self._path.absolute()))}?{mode}",
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
        )
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if self._is_immutable or not _is_unwritable(error) or self._has_log():
                raise
            return self._open("mode=ro&immutable=1")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _has_log(self) -> bool:
        return any(Path(f"{self._path}{suffix}").exists() for suffix in _LOGS)


def _is_unwritable(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
