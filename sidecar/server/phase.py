"""What a connection waits for."""

from __future__ import annotations

from enum import Enum, auto


class Phase(Enum):
    """What a connection waits for."""

    RECEIVING = auto()
    """The TLS handshake, or a request that is not complete."""
    IDLE = auto()
    """The next request."""
    ANSWERING = auto()
    """Our own response."""
    SENDING = auto()
    """A client that reads."""
    CLOSING = auto()
    """A client that closes: what it still sends is dropped, or it might never see our response."""
