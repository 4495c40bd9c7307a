"""The token of a writer, for `min_revision`: its next questions see what it wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Protocol

_POSTGRESQL = "SELECT sidecar.position() AS token"
_SQLITE = "SELECT token FROM sidecar_position"


class Cursor(Protocol):
    """A cursor of a database driver, as PEP 249 defines it."""

    def execute(self, operation: str, /) -> Any:  # noqa: ANN401  each driver has its own
        """Run a statement."""

    def fetchone(self) -> Any:  # noqa: ANN401  a row of the driver
        """Return the next row."""


def writer_position(cursor: Cursor) -> str:
    """Return the token of the transaction of a cursor.

    Call it in the transaction that changes facts, after the changes, and pass the token as
    `min_revision` once the transaction is committed. In a transaction that changes nothing it
    stands for all that was committed before.

    Args:
        cursor: Of `sqlite3`, or of a driver of PostgreSQL. The database has what
            ``sidecar source init`` prints.

    Raises:
        LookupError: The database has no history.
    """
    cursor.execute(_SQLITE if isinstance(cursor, sqlite3.Cursor) else _POSTGRESQL)
    row = cursor.fetchone()
    if row is None:
        raise LookupError("`sidecar_identity` is empty; run what `sidecar source init` prints")
    token = row["token"] if isinstance(row, Mapping) else row[0]
    return str(token)
