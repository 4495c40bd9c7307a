"""Kept connections, shared by the threads of one process, and one deadline for each exchange."""

from __future__ import annotations

import io
import os
import re
import select
import socket
import ssl
import time
from collections import deque
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, NamedTuple

from sidecar.client.address import Place, left
from sidecar.client.model import UnavailableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_ANSWER = 16 * 1024 * 1024


class Response(NamedTuple):
    """An answer."""

    status: int
    content_type: str
    body: bytes


class _Asked(NamedTuple):
    """A question, and what bounds its answer."""

    path: str
    body: bytes
    headers: dict[str, str]
    ends: float
    most: int


class Connections:
    """Sends requests to one place, over connections that are used again."""

    def __init__(self, place: Place, most: int) -> None:
        """Prepare to connect.

        Args:
            place: Where to.
            most: How many idle connections are kept.
        """
        self._place = place
        self._idle: deque[_Connection] = deque()
        self._most = most

    def post(
        self, path: str, body: bytes, headers: dict[str, str], ends: float, most: int
    ) -> Response:
        """Send a question and return the answer.

        A connection that was closed while nobody used it is replaced, and where a place has several
        addresses they are tried one after the other: asking changes nothing, so that it may be done
        twice.

        Args:
            path: Below the base of the place.
            body: The question.
            headers: Beside those that belong to any request.
            ends: By when the answer must be there, on the monotonic clock.
            most: Longest answer that is read.

        Raises:
            UnavailableError: There was no answer, or not in time.
        """
        asked = _Asked(path, body, headers, ends, min(most, LONGEST_ANSWER))
        try:
            kept = self._take()
            if kept is not None:
                try:
                    return self._exchange(kept, asked)
                except ConnectionError:
                    pass  # it had been closed
            return self._anew(asked)
        except (OSError, HTTPException, ValueError) as error:
            raise UnavailableError(f"no answer: {_said(error)}") from error

    def close(self) -> None:
        """Close all that nobody uses."""
        while self._idle:
            self._idle.pop().end()

    def _anew(self, asked: _Asked) -> Response:
        """Exchange over a new connection, to the first address that answers.

        Each address has an equal part of the time that is left to connect, so that one which stays
        silent does not keep the others from being tried.

        Raises:
            OSError: None of them answered.
        """
        failure = OSError(f"`{self._place.host}` has no address")
        addresses = self._place.addresses()
        for index, address in enumerate(addresses):
            share = left(asked.ends) / (len(addresses) - index)
            try:
                wire = self._place.connect(address, time.monotonic() + share)
                return self._exchange(_Connection(self._place, wire), asked)
            except OSError as error:
                failure = error
        raise failure

    def _exchange(self, connection: _Connection, asked: _Asked) -> Response:
        try:
            connection.wire.begin(asked.ends)
            path = self._place.base + asked.path
            connection.request("POST", path, asked.body, asked.headers)
            response = connection.getresponse()
            _check_framing(response)
            told = _whole(response, asked.most)
        except BaseException:  # whatever is still to come must not answer another question
            connection.end()
            raise
        self._keep(connection, response)
        return Response(response.status, response.headers.get_content_type(), told)

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

    def __init__(self, place: Place, connected: socket.socket) -> None:
        super().__init__(place.host, place.port)
        self.wire = _Wire(connected)
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


def _check_framing(response: HTTPResponse) -> None:
    """Check that there is one way to tell where an answer ends.

    http.client takes the first of two lengths, and passes over what it cannot read; a proxy between
    may have taken the other, so that a part of one answer would be read as the next.

    Raises:
        HTTPException: There is not.
    """
    lengths = response.headers.get_all("Content-Length", [])
    codings = response.headers.get_all("Transfer-Encoding", [])
    if response.headers.defects or len(lengths) + len(codings) > 1:
        raise HTTPException("the answer says in two ways where it ends")
    if not all(_LENGTH.fullmatch(each) for each in lengths) or any(
        each.lower() != "chunked" for each in codings
    ):
        raise HTTPException("the answer does not say where it ends")


_LENGTH = re.compile(r"[0-9]{1,15}")


def _whole(response: HTTPResponse, most: int) -> bytes:
    told = response.read(most + 1)
    if not response.isclosed() or response.length:
        raise HTTPException("the answer is cut off, has no length, or is too long")
    return told


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    return getattr(error, "strerror", None) or type(error).__name__
