"""Snapshots of a replica, made whole.

`pg_current_snapshot()` of a replica does not name the transactions that are running: all of them
seem to be visible. So a transaction that may be running counts as visible only if it is known to
be: if its rows of the change log are seen, if it is older than all that run, or if the same server
said before the snapshot that it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.facts.sources.postgresql_session import Session
from sidecar.facts.sources.tokens import Snapshot

_SERVER = "extract(epoch FROM pg_postmaster_start_time())::text"

STATE = f"pg_is_in_recovery(), {_SERVER}, sidecar.lag()"
"""Whether the server is a replica, which run of which server it is, and how far it is behind."""

_ENDED = (
    f"SELECT {_SERVER}, ARRAY(SELECT id::text FROM unnest(%s::xid8[]) AS open(id)"  # noqa: S608 - our own text
    " WHERE pg_xact_status(id) IS DISTINCT FROM 'in progress')"
)


class ReplicaSnapshots:
    """Makes the snapshots of replicas whole, one after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._server = ""
        """The server that was asked last."""
        self._ended: frozenset[int] = frozenset()
        """The transactions of which it has said that they have ended."""

    def whole(
        self, found: Snapshot, since: Snapshot | None, logged: Iterable[int], server: str
    ) -> Snapshot:
        """Return a snapshot that sees nothing that the found one does not see.

        Args:
            found: The snapshot as the replica gives it.
            since: An earlier whole one.
            logged: The transactions with visible rows in the change log that `since` does not see.
            server: The server of the found one.
        """
        running = () if since is None else since.running
        begin = found.oldest if since is None else max(since.next, found.oldest)
        unknown = {each for each in running if each >= found.oldest}
        unknown.update(range(begin, found.next))
        unknown.difference_update(logged)
        if server == self._server:
            unknown -= self._ended
        return Snapshot(min(unknown, default=found.next), found.next, frozenset(unknown))

    def ask(self, snapshot: Snapshot) -> None:
        """Ask which transactions have ended, inside `watched`: later snapshots see these."""
        self._ended = frozenset()
        if snapshot.running:
            running = [str(each) for each in sorted(snapshot.running)]
            ((self._server, ended),) = self._session.execute(_ENDED, (running,))
            self._ended = frozenset(map(int, ended))
