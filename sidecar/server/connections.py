"""The open connections of one worker: deadlines, and which of them makes room for a new one."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.metrics import Counters
from sidecar.metrics.catalog import ACCEPTED, CLOSED, CONNECTIONS
from sidecar.server.phase import Phase
from sidecar.server.protocol import HttpProtocol


class Connections:
    """All open connections, those in the handshake of TLS included."""

    def __init__(self, max_connections: int, counters: Counters) -> None:
        """Begin without any.

        Args:
            max_connections: How many there may be at once.
            counters: Count them.
        """
        self._max_connections = max_connections
        self._counters = counters
        self._open: dict[HttpProtocol, None] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def __iter__(self) -> Iterator[HttpProtocol]:
        return iter(list(self._open))

    def add(self, connection: HttpProtocol) -> None:
        """Count a connection that has just been accepted."""
        self._open[connection] = None
        self._counters.add(ACCEPTED)
        self._counters.set(CONNECTIONS, number=len(self._open))

    def discard(self, connection: HttpProtocol) -> None:
        """Forget a connection that is closed."""
        self._open.pop(connection, None)
        self._counters.set(CONNECTIONS, number=len(self._open))

    def is_full(self) -> bool:
        """Tell whether there may be no more connections."""
        return len(self._open) >= self._max_connections

    def make_room(self) -> bool:
        """Close the connection that is worth least; False where each is being answered."""
        candidates = [each for each in self._open if each.phase is not Phase.ANSWERING]
        if not candidates:
            return False
        self._counters.add(CLOSED, "room")
        min(candidates, key=_worth).abort()
        return True

    def expired(self, now: float) -> list[HttpProtocol]:
        """Return the connections whose deadline has passed; not those that wait for their turn."""
        return [each for each in self._open if each.deadline <= now and not each.has_turn]


def _worth(connection: HttpProtocol) -> tuple[int, bool, float]:
    """Return by what connections are kept, the least first.

    Clients that have never been authenticated cannot push out those that have: neither by many
    connections, nor by requests that they do not complete.
    """
    if connection.phase is Phase.CLOSING:
        rank = 0
    elif not connection.is_admitted:
        rank = 1
    else:
        rank = 2 if connection.phase is Phase.IDLE else 3
    return rank, connection.has_turn, connection.deadline
