"""The source of a PostgreSQL database, followed by its change log.

A position is a whole snapshot: the transactions that were visible. What is new since then is in the
rows of the log whose transaction was not, however long it has been open, and whatever its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import partial
from select import select
from typing import Any, NamedTuple

from sidecar.errors import Problem, SourceError
from sidecar.facts.errors import MountFaults
from sidecar.facts.sources.mapping import SourceMapping, mapping_digest
from sidecar.facts.sources.missing import missing_columns, missing_trigger
from sidecar.facts.sources.postgresql_address import Address
from sidecar.facts.sources.postgresql_ddl import trigger_names
from sidecar.facts.sources.postgresql_replica import STATE, ReplicaSnapshots
from sidecar.facts.sources.postgresql_session import LOOK_SECONDS, READ_SECONDS, Session
from sidecar.facts.sources.postgresql_tables import LoggedKeys, Tables
from sidecar.facts.sources.source import Changes, HasFileno, Look, LookState, Position, Reading
from sidecar.facts.sources.sql import table_name
from sidecar.facts.sources.tokens import Snapshot, history_of, snapshot_of
from sidecar.schema import Schema

_ATTEMPTS = 5
"""Attempts to lock the tables of all types that have changed: more may change meanwhile."""

_STATE = (
    "SELECT sidecar.epoch(), sidecar.shape(%s::text[]), pg_current_snapshot()::text,"  # noqa: S608 - our own text
    f" (SELECT below::text FROM sidecar.pruned LIMIT 1), {STATE}"
)

# Not visible in a snapshot: begun after it, or running then. Both conditions use the index, as the
# planner sees the numbers; from an expression it would expect any number of rows.
_NEW = "FROM sidecar.log WHERE xid >= %s::xid8 OR xid = ANY (%s::xid8[])"
_LOGGED = f"SELECT DISTINCT xid::text {_NEW}"
_LOOK = f"{_STATE}, ARRAY(SELECT DISTINCT type {_NEW})"

_TRIGGERS = """
SELECT wanted.on_table, wanted.name, coalesce(tgenabled IN ('O', 'A'), false)
FROM unnest(%s::text[], %s::text[]) AS wanted(on_table, name)
LEFT JOIN pg_trigger ON tgname = wanted.name AND tgrelid = to_regclass(wanted.on_table)
"""


class _State(NamedTuple):
    position: Position
    pruned_below: int
    """The first transaction that the log may have."""
    is_replica: bool
    lag: float
    """As of a look."""

    def follows(self, since: Position) -> bool:
        """Return whether the log has all that happened since a position."""
        snapshot = snapshot_of(since.mark)
        return (
            (since.kind, since.epoch) == (self.position.kind, self.position.epoch)
            and snapshot is not None
            and self.pruned_below <= snapshot.oldest
        )


class PostgresqlSource:
    """The rows of a PostgreSQL database.

    The epoch of a position is the identity of the server, its timeline, its last crash, the shape
    of the tables and the digest of the mapping.
    """

    def __init__(self, address: Address, schema: Schema, mapping: SourceMapping) -> None:
        """Prepare to read.

        Args:
            address: The server and the database.
            schema: The schema of the rows.
            mapping: The tables of its types.
        """
        self._session = Session(address)
        self._mapping = mapping
        self._replica = ReplicaSnapshots(self._session)
        self._digest = mapping_digest(mapping)
        self._tables = Tables(self._session, schema, mapping)
        self._expected: AbstractSet[str] = frozenset()
        """The types that had changed at the last look."""
        followed = {table for source in mapping.values() for table in source.follow}
        self._followed = [table_name(table) for table in sorted(followed)]

    @property
    def name(self) -> str:
        """Host and database."""
        return self._session.name

    def look(self, since: Position | None) -> Look:
        """Ask whether the log has rows that were not visible at a position.

        Raises:
            SourceError: The server does not answer, or is behind the position.
        """
        snapshot = snapshot_of(since.mark) if since else None
        with self._session.watched(LOOK_SECONDS):
            ((*row, changed),) = self._session.execute(_LOOK, (self._followed, *_new(snapshot)))
            state = self._state(row, snapshot, ())
            if state.is_replica and (found := snapshot_of(state.position.mark)):
                self._replica.ask(found)
        if since is not None:
            self._contains(state.position, since)
        self._expected = self._mapping.keys() & changed
        is_new = changed or since is None or not state.follows(since)
        return Look(state.position, LookState.CHANGED if is_new else LookState.UNCHANGED, state.lag)

    @contextmanager
    def read(self, faults: MountFaults) -> Iterator[Reading]:  # noqa: ARG002 - the readers of rows add them
        """Read all rows at one snapshot.

        Raises:
            SourceError: The server does not answer, a table is locked, or its changes are not
                logged.
        """
        session = self._session
        with session.transaction():
            with session.watched(LOOK_SECONDS):
                self._tables.lock(self._mapping)
                (row,) = session.execute(_STATE, (self._followed,))
                state = self._read_state(row, None)
                if problems := self._missing_triggers():
                    raise SourceError(problems)
            self._tables.use_shape(state.position.epoch)
            tables = {name: self._tables.table(name) for name in self._mapping}
            contains = partial(self._contains, state.position)
            yield Reading(state.position, tables, contains, state.lag)

    @contextmanager
    def changes(self, since: Position, faults: MountFaults) -> Iterator[Changes | None]:  # noqa: ARG002 - the readers of rows add them
        """Read the rows of the keys that the log has had since a position, at one snapshot.

        Raises:
            SourceError: The server does not answer, or a table is locked.
        """
        locked = set(self._expected)
        for _ in range(_ATTEMPTS):
            with self._session.transaction():
                with self._session.watched(LOOK_SECONDS):
                    self._tables.lock(locked)
                    (row,) = self._session.execute(_STATE, (self._followed,))
                    state = self._read_state(row, snapshot_of(since.mark))
                    log = self._log(since) if state.follows(since) else None
                self._contains(state.position, since)
                if log is None:
                    yield None
                    return
                if locked.issuperset(log):
                    self._tables.use_shape(state.position.epoch)
                    tables = {name: self._tables.changes(name, keys) for name, keys in log.items()}
                    contains = partial(self._contains, state.position)
                    yield Changes(state.position, tables, contains, state.lag)
                    return
            locked.update(log)
        raise SourceError([Problem(self.name, 0, "changes of more and more tables; try again")])

    def check(self) -> tuple[Problem, ...]:
        """Return what the database lacks, by table and column.

        Raises:
            SourceError: The server does not answer.
        """
        session = self._session
        with session.watched(READ_SECONDS):
            problems = list(missing_columns(self._mapping, session.probe))
            if error := session.probe(_STATE, (self._followed,)):
                message = f"is not complete ({error}); run what `sidecar source init` prints"
                problems.append(Problem("sidecar", 0, message))
            problems += self._missing_triggers()
        return tuple(problems)

    def remarks(self) -> tuple[Problem, ...]:
        """Return nothing: triggers see every change."""
        return ()

    def wait(self, seconds: float, wakeup: HasFileno) -> None:
        """Wait until the next look is due, or until a trigger notifies."""
        if not self._session.wait(seconds, wakeup):
            select([wakeup], [], [], seconds)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _read_state(self, row: Sequence[Any], since: Snapshot | None) -> _State:
        """Return the state of the transaction of a reading."""
        state = self._state(row, since, ())
        found = snapshot_of(str(row[2]))
        if not state.is_replica or found is None:
            return state
        begin = since or Snapshot(found.oldest, found.oldest, frozenset())
        logged = [int(each) for (each,) in self._session.execute(_LOGGED, _new(begin))]
        return self._state(row, begin, logged)

    def _state(self, row: Sequence[Any], since: Snapshot | None, logged: Sequence[int]) -> _State:
        """Return the state that a row of `_STATE` says.

        Args:
            row: The row.
            since: The position from which on there are changes.
            logged: The transactions of these changes.
        """
        epoch, shape, text, below, is_replica, server, lag = row
        if below is None or epoch is None:
            table = "pruned" if below is None else "history"
            message = f"`sidecar.{table}` is empty; run what `sidecar source init` prints"
            raise SourceError([Problem(self.name, 0, message)])
        snapshot = snapshot_of(text)
        if is_replica and snapshot is not None:
            text = self._replica.whole(snapshot, since, logged, server).text()
        position = Position("postgresql", f"{epoch} {shape}.{self._digest}", text)
        return _State(position, int(below), is_replica, lag)

    def _contains(self, position: Position, since: Position) -> bool:
        """Return whether a position is of the same history as an earlier one, which it contains.

        Raises:
            SourceError: It is of the same history, and behind; or the server was a primary once.
        """
        now, then = snapshot_of(position.mark), snapshot_of(since.mark)
        if position.kind != since.kind or now is None or then is None:
            return False
        histories = history_of(position.epoch), history_of(since.epoch)
        (server, timeline), (known, newest) = ((*each.split("-"), "")[:2] for each in histories)
        cause = ""
        if server == known and timeline < newest:
            cause = (
                f"is on timeline {timeline}, and timeline {newest} has been read: it was replaced"
            )
        elif histories[0] == histories[1] and not now.contains(then):
            cause = "is behind what has been read already, and is waited for"
        if cause:
            raise SourceError([Problem(self.name, 0, cause)])
        return histories[0] == histories[1]

    def _log(self, since: Position) -> dict[str, LoggedKeys]:
        """Return the logged keys by type since a position."""
        log: dict[str, list[list[str] | None]] = {}
        statement = f"SELECT DISTINCT type, key {_NEW}"
        parameters = _new(snapshot_of(since.mark))
        for type_name, key in self._session.execute(statement, parameters):
            if type_name in self._mapping:
                log.setdefault(type_name, []).append(key)
        return dict(log)

    def _missing_triggers(self) -> list[Problem]:
        wanted = list(trigger_names(self._mapping))
        tables = {table_name(table): table for table, _ in wanted}
        quoted, names = [table_name(table) for table, _ in wanted], [name for _, name in wanted]
        found = self._session.execute(_TRIGGERS, (quoted, names))
        return [
            missing_trigger(tables[table], name)
            for table, name, is_active in found
            if not is_active
        ]


def _new(snapshot: Snapshot | None) -> tuple[str, list[str]]:
    """Return the parameters of `_NEW`; without a snapshot it finds nothing."""
    if snapshot is None:
        return str(2**63 - 1), []
    return str(snapshot.next), [str(transaction) for transaction in snapshot.running]
