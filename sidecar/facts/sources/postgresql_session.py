"""A connection to PostgreSQL that is bounded in time, and made anew after a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import uniform
from select import select
from typing import Any

import psycopg
from psycopg import pq

from sidecar.errors import Problem, SourceError
from sidecar.facts.sources.postgresql_address import Address
from sidecar.facts.sources.postgresql_ddl import CHANNEL
from sidecar.facts.sources.source import HasFileno
from sidecar.facts.sources.watchdog import Watchdog
from sidecar.watch import elapsed

LOOK_SECONDS = 4.0
"""How long a server may be silent during a look."""

READ_SECONDS = 30.0
"""How long it may be silent before the first row of a table, which it may have to sort."""

LOCK_MILLISECONDS = 3000
"""How long a reading waits for a table that a transaction has locked."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0

_MISSING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)

# Only for this transaction, so that they hold behind a pooler too. A text depends on the first
# three. Without `row_security`, a policy that hides rows is an error.
_SETTINGS = f"""
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL extra_float_digits = 1;
SET LOCAL row_security = off;
SET LOCAL lock_timeout = {LOCK_MILLISECONDS};
"""


class Session:
    """The connection of one thread."""

    def __init__(self, address: Address, clock: Callable[[], float] = elapsed) -> None:
        """Prepare to connect.

        Args:
            address: The server.
            clock: Returns seconds of a monotonic clock.
        """
        self._address = address
        self._clock = clock
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._failure: SourceError | None = None
        self._pause = 0.0
        self._retry_at = 0.0
        self._watchdog: Watchdog | None = None

    @property
    def name(self) -> str:
        """Host and database."""
        return self._address.name

    @contextmanager
    def watched(self, seconds: float, table: str = "") -> Iterator[None]:
        """Bound the silence of the server, and turn its errors into ours.

        Args:
            seconds: How long it may be silent.
            table: The table that is read, for faults.

        Raises:
            SourceError: There was one; the connection is closed.
        """
        connection = self._connected()
        watchdog = Watchdog(connection.fileno(), seconds)
        try:
            with watchdog:
                self._watchdog = watchdog
                yield
        except (psycopg.Error, UnicodeDecodeError) as error:
            self.close()
            cause = _cause(error)
            if watchdog.expired:
                cause = f"the server has been silent for {seconds:.0f} s"
            raise self._problem(cause, table) from error
        finally:
            self._watchdog = None

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, inside `watched`."""
        cursor = self._connected().execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def probe(self, statement: str, parameters: tuple[object, ...] = ()) -> str:
        """Return the error of a statement, or an empty text, inside `watched`."""
        try:
            self.execute(statement, parameters)
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            return error.diag.message_primary or "it cannot be executed"
        return ""

    def columns(self, statement: str) -> list[int]:
        """Return the object ids of the types of a statement's columns, inside `watched`."""
        description = self._connected().execute(statement).description
        return [column.type_code for column in description or ()]

    def copy(self, statement: str) -> Iterator[bytes]:
        """Yield the blocks of the rows of a SELECT, inside `watched`."""
        cursor, watchdog = self._connected().cursor(), self._watchdog
        with cursor, cursor.copy(f"COPY ({statement}) TO STDOUT") as copy:
            for block in copy:
                if watchdog:
                    watchdog.pause()
                yield bytes(block)
                if watchdog:
                    watchdog.extend()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin a transaction; its snapshot is taken by the first statement but LOCK TABLE.

        Raises:
            SourceError: It could not begin.
        """
        with self.watched(LOOK_SECONDS):
            self._connected().execute(_SETTINGS)
        try:
            yield
        except BaseException:
            self.close()  # whatever is still to come from the server is not waited for
            raise
        with self.watched(LOOK_SECONDS):
            self.execute("ROLLBACK")

    def wait(self, seconds: float, wakeup: HasFileno) -> bool:
        """Wait for a notification or a wake-up; return whether there was a connection."""
        connection = self._connection
        if connection is None:
            return False
        try:
            # All of them are taken before the next statement: the generator holds a lock.
            if not list(connection.notifies(timeout=0)):
                select([wakeup, connection], [], [], seconds)
                list(connection.notifies(timeout=0))
        except psycopg.Error:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return the connection, made anew if there is none.

        Raises:
            SourceError: It cannot be made; after a failure not before a pause.
        """
        connection = self._connection
        if connection is not None and connection.info.status is pq.ConnStatus.OK:
            return connection
        if self._failure is not None and self._clock() < self._retry_at:
            raise self._failure
        try:
            connection = psycopg.connect(
                self._address.url,
                autocommit=True,
                prepare_threshold=None,  # a pooler may not keep what is prepared
                **self._address.parameters(),  # type: ignore[arg-type]  # they are texts
            )
            with (
                Watchdog(connection.fileno(), LOOK_SECONDS),
                suppress(psycopg.errors.ReadOnlySqlTransaction),  # a replica, which a look reports
            ):
                connection.execute(f"LISTEN {CHANNEL}")
        except (psycopg.Error, OSError, ValueError) as error:
            self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            # Sidecars that have lost the same server do not all come back at once.
            self._retry_at = self._clock() + self._pause * uniform(0.5, 1.0)  # noqa: S311
            self._failure = self._problem(_cause(error), "")
            raise self._failure from error
        self._connection, self._failure, self._pause = connection, None, 0.0
        return connection

    def _problem(self, cause: str, table: str) -> SourceError:
        place = f"{self.name}: {table}" if table else self.name
        return SourceError([Problem(place, 0, f"cannot be read: {cause}")])


def _cause(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it holds text that is not UTF-8"
    if isinstance(error, OSError):
        return f"the file of the password: {error.strerror or error}"
    if not isinstance(error, psycopg.Error):
        return "the file of the password is not UTF-8"
    cause = error.diag.message_primary or str(error).strip()
    cause = " ".join(cause.split())
    mend = "; `sidecar source check` lists what is missing" if isinstance(error, _MISSING) else ""
    return f"{cause}{mend}"
