"""One connection: what has come, what is to go, and until when; nothing here waits."""

from __future__ import annotations

import selectors
import socket
import ssl
from enum import Enum, auto
from typing import Any

from sidecar.server.bounds import Bounds
from sidecar.server.exchanges import Exchange
from sidecar.server.framing import Framing, Outcome

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

_PIECE = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_NOT_NOW = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Stage(Enum):
    """What a connection waits for."""

    GREETING = auto()
    """The handshake of TLS."""
    RECEIVING = auto()
    """The rest of a request, or its beginning on a new connection."""
    IDLE = auto()
    """Another request."""
    ANSWERING = auto()
    """Ourselves."""
    SENDING = auto()
    """A caller that reads."""
    PARTING = auto()
    """A caller that closes: what it still sends is dropped, or it would never see our answer."""


EXPENDABLE = (
    frozenset({Stage.PARTING}),
    frozenset({Stage.IDLE}),
    frozenset({Stage.GREETING, Stage.RECEIVING, Stage.SENDING}),
)
"""Whose connections are closed for new ones, the first of these first."""


class Connection:
    """One connection of one caller."""

    def __init__(self, sock: socket.socket, ends: tuple[Any, Any], bounds: Bounds) -> None:
        self.sock = sock
        self.ends = ends
        """The addresses of the caller and of ourselves."""
        self.stage = Stage.GREETING
        self.deadline = 0.0
        self.watched = 0
        self.exchange: Exchange | None = None
        self.keeps = False
        """Whether another request may follow the answer that is being sent."""
        self.received = bytearray()
        self.is_plain = not isinstance(sock, ssl.SSLSocket)
        self._bounds = bounds
        self._framing = Framing(bounds)
        self._urged = False
        self._outgoing = memoryview(b"")

    def greet(self) -> int:
        """Go on with the handshake, and return what it waits for; 0 when it is done.

        Raises:
            OSError: The caller has left, or is not one of ours.
        """
        if not isinstance(self.sock, ssl.SSLSocket):
            return 0
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            return READ
        except ssl.SSLWantWriteError:
            return WRITE
        return 0

    def receive(self) -> Outcome:
        """Take in what has come, up to the end of one request.

        Raises:
            OSError: The caller has left.
        """
        while (outcome := self._framing.look(self.received)) is Outcome.MORE:
            if self._framing.expects_continue and not self._urged:
                self._urged = True
                self.sock.send(_CONTINUE)
            try:
                piece = self.sock.recv(_PIECE)
            except _NOT_NOW:
                break
            if not piece:
                raise ConnectionResetError
            self.received += piece
        return outcome

    def receive_piece(self) -> bytes | None:
        """Return what has come; None if nothing has. It is in `received` only if it is put there.

        Raises:
            OSError: The caller has left.
        """
        try:
            piece = self.sock.recv(_PIECE)
        except _NOT_NOW:
            return None
        if not piece:
            raise ConnectionResetError
        return piece

    def take(self) -> bytes:
        """Take the request out of what has come, and begin with the next one."""
        end = self._framing.end or len(self.received)
        said = bytes(self.received[:end])
        del self.received[:end]
        self._framing = Framing(self._bounds)
        self._urged = False
        return said

    def answer(self, answer: bytes | bytearray, *, keep: bool) -> None:
        """Have this sent from now on."""
        self._outgoing = memoryview(answer)
        self.keeps = keep

    def send(self) -> bool:
        """Send what can be sent, and tell whether that was all.

        Raises:
            OSError: The caller has left.
        """
        while self._outgoing:
            try:
                sent = self.sock.send(self._outgoing)
            except _NOT_NOW:
                return False
            self._outgoing = self._outgoing[sent:]
        self._outgoing = memoryview(b"")  # even an empty part holds on to the whole answer
        return True

    def part(self) -> None:
        """Send nothing more.

        Raises:
            OSError: The caller has left.
        """
        self.sock.shutdown(socket.SHUT_WR)

    def drain(self) -> bool:
        """Drop what has come, and tell whether the caller may have more.

        Raises:
            OSError: The caller has left.
        """
        try:
            return bool(self.sock.recv(_PIECE))
        except _NOT_NOW:
            return True
