"""Kept connections, shared by the threads of one process, and one deadline for each exchange."""

from __future__ import annotations

import io
import os
import select
import socket
import ssl
import time
from collections import deque
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING

from sidecar.client.nouns import UnavailableError
from sidecar.client.places import Place, left

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_ANSWER = 16 * 1024 * 1024


class Connections:
    """Sends requests to one place, over connections that are used again."""

    def __init__(self, place: Place, seconds: float, most: int) -> None:
        """Prepare to connect.

        Args:
            place: Where to.
            seconds: How long one exchange may take, from connecting to the end of the answer.
            most: How many idle connections are kept.
        """
        self._place = place
        self._seconds = seconds
        self._idle: deque[_Connection] = deque()
        self._most = most

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Send a question; return the status, the content type and the body of the answer.

        A connection that was closed while nobody used it is replaced, once: asking changes
        nothing, so that it may be done twice.

        Raises:
            UnavailableError: There was no answer, or not in time.
        """
        ends = time.monotonic() + self._seconds
        try:
            kept = self._take()
            if kept is not None:
                try:
                    return self._exchange(kept, path, body, headers, ends)
                except ConnectionError:
                    pass  # it had been closed
            return self._exchange(_Connection(self._place, ends), path, body, headers, ends)
        except (OSError, HTTPException, ValueError) as error:
            raise UnavailableError(f"no answer: {_said(error)}") from error

    def close(self) -> None:
        """Close all that nobody uses."""
        while self._idle:
            self._idle.pop().end()

    def _exchange(
        self, connection: _Connection, path: str, body: bytes, headers: dict[str, str], ends: float
    ) -> tuple[int, str, bytes]:
        try:
            connection.wire.begin(ends)
            connection.request("POST", self._place.base + path, body, headers)
            response = connection.getresponse()
            told = _whole(response)
        except BaseException:  # whatever is still to come must not answer another question
            connection.end()
            raise
        self._keep(connection, response)
        return response.status, response.headers.get_content_type(), told

    def _take(self) -> _Connection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.is_quiet():
                return connection
            connection.end()

    def _keep(self, connection: _Connection, response: HTTPResponse) -> None:
        if response.will_close or len(self._idle) >= self._most:
            connection.end()
        else:
            self._idle.append(connection)


class _Connection(HTTPConnection):
    """A connection, and the process that made it: after a fork it is not shared."""

    def __init__(self, place: Place, ends: float) -> None:
        super().__init__(place.host, place.port)
        self.wire = _Wire(place.connect(ends))
        self.sock = self.wire  # all of a socket that http.client uses
        self.auto_open = 0
        self._owner = os.getpid()

    def is_quiet(self) -> bool:
        """Tell whether it is ours, open, and silent: what nobody asked for is no answer."""
        if self._owner != os.getpid():
            return False
        return self.wire.is_quiet()

    def end(self) -> None:
        """Close it; unlike `close`, which http.client calls before an answer is read."""
        self.close()
        self.wire.end()


class _Wire:
    """A socket on which everything is done by one deadline, however slowly bytes come."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._ends = 0.0
        self._outgoing = b""
        self._over = False
        self._left_over = False

    def begin(self, ends: float) -> None:
        """Begin an exchange."""
        self._ends, self._over, self._outgoing = ends, False, b""

    def is_quiet(self) -> bool:
        """Tell whether it is open, and nothing has come that was not asked for."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        return not (self._left_over or pending or poll.poll(0))

    def sendall(self, piece: bytes) -> None:
        """Take a piece of the question; all of it is sent at once, when its answer is awaited."""
        self._outgoing += piece

    def receive(self, buffer: WriteableBuffer) -> int:
        if self._over:
            return 0
        self._socket.settimeout(left(self._ends))
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._socket.settimeout(left(self._ends))
        self._socket.sendall(self._outgoing)
        return _Answer(self)

    def finish(self, answer: io.BufferedReader) -> None:
        """Look whether more came with an answer than the answer."""
        self._over = True
        self._left_over = self._left_over or bool(answer.peek(1))

    def close(self) -> None:
        """Leave it open: an answer may still be read."""

    def end(self) -> None:
        self._socket.close()


class _Answer(io.BufferedReader):
    """What http.client reads an answer from, and closes when it is at its end."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__(_Incoming(wire))
        self._wire = wire

    def close(self) -> None:
        if not self.closed:
            self._wire.finish(self)
        super().close()


class _Incoming(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._wire.receive(buffer)


def _whole(response: HTTPResponse) -> bytes:
    told = response.read(LONGEST_ANSWER + 1)
    if not response.isclosed() or response.length:
        raise HTTPException("the answer is cut off, has no length, or is too long")
    return told


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or type(error).__name__
