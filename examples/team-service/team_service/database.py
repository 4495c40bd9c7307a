"""The database of the service: SQLite, or PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sidecar.client import writer_position

Row: TypeAlias = Mapping[str, Any]
LOCK_SECONDS = 10


def instant(moment: datetime) -> str:
    """Return the text of an instant; texts are in the order of time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ConflictError(Exception):
    """A row contradicts another one that was written meanwhile."""


class Transaction:
    """One transaction. Statements have ``%s`` for each value, and rows are mappings."""

    def __init__(self, cursor: Any, mark: str) -> None:  # noqa: ANN401  of either driver
        self._cursor = cursor
        self._mark = mark

    def run(self, statement: str, *values: object) -> int:
        """Run a statement, and return how many rows it changed."""
        self._cursor.execute(statement.replace("%s", self._mark), values)
        return int(self._cursor.rowcount)

    def insert(self, table: str, **columns: object) -> None:
        """Insert a row."""
        marks = ", ".join(["%s"] * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  our names
        self.run(statement, *columns.values())

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Return the rows that a statement selects."""
        self.run(statement, *values)
        names = [column[0] for column in self._cursor.description]
        return [
            {name: _plain(value) for name, value in zip(names, row, strict=True)}
            for row in self._cursor.fetchall()
        ]

    def row(self, statement: str, *values: object) -> Row | None:
        """Return the first row that a statement selects, or None."""
        return next(iter(self.rows(statement, *values)), None)

    def position(self) -> str:
        """Return what the facts of the sidecar must contain to be as new as this transaction."""
        return writer_position(self._cursor)


def _plain(value: object) -> object:
    """Return a value as SQLite has it, which has no type for instants."""
    return instant(value) if isinstance(value, datetime) else value


class Database:
    """A database. Each thread has a connection of its own."""

    def __init__(self, url: str) -> None:
        """Name the database.

        Args:
            url: ``sqlite:PATH`` or ``postgresql://...``.
        """
        scheme, _, path = url.partition(":")
        self._url = url
        self._path = path if scheme == "sqlite" else ""
        self._local = threading.local()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Begin a transaction that writes nothing."""
        with self._transaction("BEGIN") as transaction:
            yield transaction

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Begin a transaction that writes, and commit it unless an error ends it.

        Raises:
            ConflictError: A constraint refuses a row.
        """
        # SQLite has one writer: to become it at once saves an error in the middle.
        with self._transaction("BEGIN IMMEDIATE" if self._path else "BEGIN") as transaction:
            yield transaction

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Transaction]:
        cursor = self._begin(begin)
        try:
            try:
                yield Transaction(cursor, "?" if self._path else "%s")
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
        except self._local.integrity_error as error:
            raise ConflictError from error
        except self._local.operational_error:
            self._drop_connection()
            raise

    def _begin(self, begin: str) -> Any:  # noqa: ANN401  a cursor of either driver
        """Begin a transaction, by a new connection if the server has closed the last one."""
        try:
            return self._connection().cursor().execute(begin)
        except self._local.operational_error:
            self._drop_connection()
            return self._connection().cursor().execute(begin)

    def _drop_connection(self) -> None:
        if hasattr(self._local, "connection"):
            self._local.connection.close()
            del self._local.connection

    def _connection(self) -> Any:  # noqa: ANN401  of either driver
        local = self._local
        if hasattr(local, "connection"):
            return local.connection
        driver: Any = sqlite3
        if not self._path:
            import psycopg as driver  # noqa: PLC0415  only where it is used
        local.integrity_error = driver.IntegrityError
        local.operational_error = driver.OperationalError
        if self._path:
            local.connection = driver.connect(
                self._path, timeout=LOCK_SECONDS, isolation_level=None
            )
            local.connection.execute("PRAGMA foreign_keys = ON")
        else:
            local.connection = driver.connect(self._url, autocommit=True)
        return local.connection
