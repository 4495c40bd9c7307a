"""Tokens of writers, and whether a position contains their transaction.

A writer reads its token from the database in the transaction that changes facts, and passes it as
`min_revision`. Its form is ``<kind>:<epoch>:<mark>``. PostgreSQL gives a transaction id, which is
contained if it is visible in the snapshot of the position: ids are not ordered by commit. SQLite
gives the id of a row of the change log.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"(postgresql|sqlite):([0-9a-f.-]{1,80}):([0-9]{1,20})")
_SNAPSHOT = re.compile(r"([0-9]+):([0-9]+):((?:[0-9]+(?:,[0-9]+)*)?)")
_LOG_ROW = re.compile(r"([0-9]+)\.(-?[0-9]+)")


def reached(kind: str, epoch: str, mark: str, token: str) -> bool:
    """Return whether the position of this kind, epoch and mark contains a token's transaction.

    The epoch of a position begins with that of its tokens, followed by a space.
    """
    match = _TOKEN.fullmatch(token)
    if match is None or match[1] != kind or match[2] != epoch.partition(" ")[0]:
        return False
    if kind == "postgresql":
        return is_visible(int(match[3]), mark)
    row = _LOG_ROW.fullmatch(mark)
    return row is not None and int(match[3]) <= int(row[1])


def is_visible(transaction: int, snapshot: str) -> bool:
    """Return whether a transaction is visible in the text of a `pg_snapshot`."""
    match = _SNAPSHOT.fullmatch(snapshot)
    if match is None:
        return False
    if transaction < int(match[1]):
        return True
    running = match[3].split(",")
    return transaction < int(match[2]) and str(transaction) not in running


def oldest_running(snapshot: str) -> int | None:
    """Return the oldest transaction that was not visible in a `pg_snapshot`; None if malformed."""
    match = _SNAPSHOT.fullmatch(snapshot)
    return int(match[1]) if match else None
