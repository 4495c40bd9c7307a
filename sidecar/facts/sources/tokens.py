"""Tokens of writers, and whether a position contains their transaction.

A writer reads its token from the database in the transaction that changes facts, and passes it as
`min_revision`. Its form is ``<kind>:<epoch>:<mark>``. PostgreSQL gives a transaction id, which is
contained if it is visible in the snapshot of the position: ids are not ordered by commit. SQLite
gives the id of a row of the change log.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r"(postgresql|sqlite):([0-9a-f.-]{1,80}):([0-9]{1,20})")
_SNAPSHOT = re.compile(r"([0-9]+):([0-9]+):((?:[0-9]+(?:,[0-9]+)*)?)")
_LOG_ROW = re.compile(r"([0-9]+)\.(-?[0-9]+)")


def reached(kind: str, epoch: str, mark: str, token: str) -> bool:
    """Return whether the position of this kind, epoch and mark contains a token's transaction.

    The epoch of a position begins with that of its tokens, followed by a space.
    """
    match = _TOKEN.fullmatch(token)
    if match is None or match[1] != kind or match[2] != history_of(epoch):
        return False
    if kind == "postgresql":
        snapshot = snapshot_of(mark)
        return snapshot is not None and snapshot.sees(int(match[3]))
    row = _LOG_ROW.fullmatch(mark)
    return row is not None and int(match[3]) <= int(row[1])


def history_of(epoch: str) -> str:
    """Return the part of an epoch that says in which history transactions are counted."""
    return epoch.partition(" ")[0]


class Snapshot(NamedTuple):
    """The transactions that are visible: those below `next` that are not running."""

    oldest: int
    """The oldest running transaction, or `next`."""
    next: int
    running: frozenset[int]

    def sees(self, transaction: int) -> bool:
        """Return whether a transaction is visible."""
        return transaction < self.next and transaction not in self.running

    def text(self) -> str:
        """Return the text of the `pg_snapshot`."""
        return f"{self.oldest}:{self.next}:{','.join(map(str, sorted(self.running)))}"

    def contains(self, other: Snapshot) -> bool:
        """Return whether all transactions are visible that are in another snapshot."""
        return other.next <= self.next and not any(map(other.sees, self.running))


def snapshot_of(text: str) -> Snapshot | None:
    """Return the snapshot of the text of a `pg_snapshot`; None if it is none."""
    match = _SNAPSHOT.fullmatch(text)
    if match is None:
        return None
    running = frozenset(map(int, match[3].split(","))) if match[3] else frozenset[int]()
    return Snapshot(int(match[1]), int(match[2]), running)
