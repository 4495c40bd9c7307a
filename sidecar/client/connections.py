"""Idle connections, shared by the threads of one process, and one deadline for each exchange."""

from __future__ import annotations

import io
import os
import socket
import ssl
import time
from collections import deque
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING

from sidecar.client.address import Address, is_readable, seconds_left
from sidecar.client.exchange import Post, Response, check_framing, make_response
from sidecar.client.model import UnavailableError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Connections:
    """Connections to one address, reused when they are idle."""

    def __init__(self, address: Address, max_idle: int) -> None:
        """Prepare to connect; at most `max_idle` idle connections are kept."""
        self._address = address
        self._idle: deque[_Connection] = deque()
        self._max_idle = max_idle

    def post(self, post: Post) -> Response:
        """Send a request and return the response.

        The request is sent again if an idle connection turns out to be closed, and to each address
        of a host until one responds. Decisions change nothing, so sending twice is safe.

        Raises:
            UnavailableError: There is no response, or not in time.
        """
        try:
            idle = self._take()
            if idle is not None:
                try:
                    return self._exchange(idle, post)
                except ConnectionError:
                    pass  # the server had closed it
            return self._exchange_anew(post)
        except (OSError, HTTPException, ValueError) as error:
            raise UnavailableError(f"no response: {describe(error)}") from error

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().end()

    def _exchange_anew(self, post: Post) -> Response:
        """Exchange over a new connection, to the first address that responds.

        Each address has an equal share of the time that is left to connect, so that a silent one
        does not keep the others from being tried.

        Raises:
            OSError: None of them responded.
        """
        failure = OSError(f"`{self._address.host}` has no address")
        addresses = self._address.resolve()
        for index, address in enumerate(addresses):
            share = seconds_left(post.deadline) / (len(addresses) - index)
            try:
                connected = self._address.connect(address, time.monotonic() + share)
                return self._exchange(_Connection(self._address, connected), post)
            except OSError as error:
                failure = error
        raise failure

    def _exchange(self, connection: _Connection, post: Post) -> Response:
        try:
            connection.stream.begin(post.deadline)
            path = self._address.base_path + post.path
            connection.request("POST", path, post.body, post.headers)
            response = connection.getresponse()
            _check_head(response)
            body = _read_body(response, post.max_bytes)
        except BaseException:  # a response that comes later must not answer another request
            connection.end()
            raise
        self._keep(connection, response)
        return make_response(response.status, response.headers.items(), body)

    def _take(self) -> _Connection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.is_reusable():
                return connection
            connection.end()

    def _keep(self, connection: _Connection, response: HTTPResponse) -> None:
        if response.will_close or len(self._idle) >= self._max_idle:
            connection.end()
        else:
            self._idle.append(connection)


class _Connection(HTTPConnection):
    """A connection, and the process that opened it: after a fork it is not shared."""

    def __init__(self, address: Address, connected: socket.socket) -> None:
        super().__init__(address.host, address.port)
        self.stream = _DeadlineSocket(connected)
        self.sock = self.stream  # it has the methods of a socket that http.client uses
        self.auto_open = 0
        self._owner = os.getpid()

    def is_reusable(self) -> bool:
        """Return whether it is of this process, open, and without unread bytes."""
        return self._owner == os.getpid() and self.stream.is_quiet()

    def end(self) -> None:
        """Close it; unlike `close`, which http.client calls before a response is read."""
        self.close()
        self.stream.end()


class _DeadlineSocket:
    """A socket with one deadline for a whole exchange, however slowly bytes come."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._deadline = 0.0
        self._outgoing = b""
        self._is_finished = False
        self._has_surplus = False

    def begin(self, deadline: float) -> None:
        """Begin an exchange."""
        self._deadline, self._is_finished, self._outgoing = deadline, False, b""

    def is_quiet(self) -> bool:
        """Return whether it is open and has received nothing beyond the last response."""
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        return not (self._has_surplus or pending or is_readable(self._socket.fileno()))

    def sendall(self, piece: bytes) -> None:
        """Buffer a piece of the request; `makefile` sends all of it at once."""
        self._outgoing += piece

    def receive(self, buffer: WriteableBuffer) -> int:
        if self._is_finished:
            return 0
        self._socket.settimeout(seconds_left(self._deadline))
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._socket.settimeout(seconds_left(self._deadline))
        self._socket.sendall(self._outgoing)
        return _ResponseReader(self)

    def finish(self, reader: io.BufferedReader) -> None:
        """End an exchange, and note whether bytes follow its response."""
        self._is_finished = True
        self._has_surplus = self._has_surplus or bool(reader.peek(1))

    def close(self) -> None:
        """Do nothing: http.client calls this while a response may still be read."""

    def end(self) -> None:
        self._socket.close()


class _ResponseReader(io.BufferedReader):
    """The file from which http.client reads a response, and which it closes at the end of it."""

    def __init__(self, stream: _DeadlineSocket) -> None:
        super().__init__(_RawReader(stream))
        self._stream = stream

    def close(self) -> None:
        if not self.closed:
            self._stream.finish(self)
        super().close()


class _RawReader(io.RawIOBase):
    def __init__(self, stream: _DeadlineSocket) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._stream.receive(buffer)


def _check_head(response: HTTPResponse) -> None:
    # http.client takes the first of two lengths, and ignores malformed ones.
    if response.headers.defects:
        raise HTTPException("the head of the response is malformed")
    check_framing(response.headers.items())


def _read_body(response: HTTPResponse, max_bytes: int) -> bytes:
    body = response.read(max_bytes + 1)
    if not response.isclosed() or response.length:
        raise HTTPException("the response is cut off, has no length, or is too long")
    return body


def describe(error: Exception) -> str:
    """Return why there is no response, without anything that a server sent."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # asyncio writes a text of its own
    return getattr(error, "strerror", None) or type(error).__name__
