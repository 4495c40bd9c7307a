"""Connections of an event loop: a bounded pool, and one deadline for each exchange.

h11 reads the responses. Streams of asyncio would hide bytes that come after a response, by which a
connection is recognised that must not be used again.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from http.client import HTTPException

import h11

from sidecar.client.address import Address, SocketAddress, is_readable, seconds_left
from sidecar.client.connections import describe
from sidecar.client.exchange import Post, Response, check_framing, make_response
from sidecar.client.model import UnavailableError


class AsyncConnections:
    """Connections to one address; each event loop has its own."""

    def __init__(self, address: Address, limit: int) -> None:
        """Prepare to connect.

        Args:
            address: Of the sidecar.
            limit: Most connections of an event loop; further requests wait, by their deadlines.
        """
        self._address = address
        self._limit = limit
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    async def post(self, post: Post) -> Response:
        """Send a request and return the response.

        It is sent again as by `sidecar.client.connections.Connections.post`. Where the calling task
        is cancelled, its connection is closed, so that the response answers no other request.

        Raises:
            UnavailableError: There is no response, or not in time.
        """
        try:
            async with asyncio.timeout(seconds_left(post.deadline)):
                pool = self._pool()
                async with pool.slots:
                    return await self._exchange(pool, post)
        except (OSError, HTTPException, h11.ProtocolError, ValueError) as error:
            raise UnavailableError(f"no response: {describe(error)}") from error

    async def close(self) -> None:
        """Close the idle connections of the running event loop."""
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        while pool is not None and pool.idle:
            pool.idle.pop().end()
        await asyncio.sleep(0)  # the loop closes them in its next turn

    def _pool(self) -> _Pool:
        """Return the pool of the running event loop and of this process."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None or pool.process != os.getpid():
            for other in list(self._pools):
                if other.is_closed():
                    self._pools.pop(other, None)
            pool = self._pools[loop] = _Pool(self._limit)
        return pool

    async def _exchange(self, pool: _Pool, post: Post) -> Response:
        connection = pool.take()
        if connection is not None:
            try:
                return await self._send(pool, connection, post)
            except ConnectionError:
                pass  # the server had closed it
        return await self._exchange_anew(pool, post)

    async def _exchange_anew(self, pool: _Pool, post: Post) -> Response:
        """Exchange over a new connection, to the first address that responds.

        Raises:
            OSError: None of them responded.
        """
        failure = OSError(f"`{self._address.host}` has no address")
        # In a thread: a resolver may take longer than the deadline.
        addresses = await asyncio.to_thread(self._address.resolve)
        for index, address in enumerate(addresses):
            share = seconds_left(post.deadline) / (len(addresses) - index)
            try:
                async with asyncio.timeout(share):
                    connection = await self._connect(address)
                return await self._send(pool, connection, post)
            except OSError as error:
                failure = error
        raise failure

    async def _connect(self, address: SocketAddress) -> _Connection:
        loop, tls = asyncio.get_running_loop(), self._address.tls
        connected = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            connected.settimeout(0)
            await loop.sock_connect(connected, address.name)  # type: ignore[arg-type]  # of any family
            _, connection = await loop.create_connection(
                _Connection,
                sock=connected,
                ssl=tls,
                server_hostname=None if tls is None else self._address.host,
            )
        except BaseException:
            connected.close()
            raise
        return connection

    async def _send(self, pool: _Pool, connection: _Connection, post: Post) -> Response:
        target = self._address.base_path + post.path
        headers = {
            "Host": self._address.host_field,
            "Accept-Encoding": "identity",
            "Content-Length": str(len(post.body)),
            **post.headers,
        }
        try:
            response = await connection.exchange(target, headers, post)
        except BaseException:  # a response that comes later must not answer another request
            connection.end()
            raise
        pool.keep(connection)
        return response


class _Pool:
    """The connections of one event loop in one process."""

    def __init__(self, limit: int) -> None:
        self.slots = asyncio.Semaphore(limit)
        self.idle: deque[_Connection] = deque()
        """No more than there are slots."""
        self.process = os.getpid()

    def take(self) -> _Connection | None:
        while self.idle:
            connection = self.idle.pop()
            if connection.is_reusable():
                return connection
            connection.end()
        return None

    def keep(self, connection: _Connection) -> None:
        if connection.is_reusable():
            self.idle.append(connection)
        else:
            connection.end()


class _Connection(asyncio.Protocol):
    """A connection, which carries one exchange at a time."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._response: asyncio.Future[Response] | None = None
        """Of the exchange in progress."""
        self._head: h11.Response | None = None
        self._head_bytes = b""
        self._body = bytearray()
        self._max_bytes = 0
        self._is_over = False
        """Whether it cannot carry another exchange."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  of a stream
        self._transport = transport

    def is_reusable(self) -> bool:
        """Return whether it is open, and has received nothing beyond the last response."""
        if self._is_over or self._transport.is_closing():
            return False
        return not is_readable(self._transport.get_extra_info("socket").fileno())

    def end(self) -> None:
        """Close it at once."""
        self._is_over = True
        self._transport.abort()

    async def exchange(self, target: str, headers: dict[str, str], post: Post) -> Response:
        """Send a request and return its response; on an error the caller ends the connection.

        Raises:
            ConnectionError: The connection was closed before a response began.
            HTTPException: The end of the response is ambiguous, or the response is too long.
            h11.ProtocolError: The response is malformed, or the request cannot be sent.
        """
        self._response = asyncio.get_running_loop().create_future()
        self._head, self._head_bytes, self._max_bytes = None, b"", post.max_bytes
        self._body.clear()
        request = h11.Request(method="POST", target=target, headers=list(headers.items()))
        events = (request, h11.Data(post.body), h11.EndOfMessage())
        if self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(b"".join(self._http.send(event) or b"" for event in events))
        try:
            return await self._response
        finally:
            self._response = None

    def data_received(self, data: bytes) -> None:
        self._receive(data)

    def eof_received(self) -> None:
        self._receive(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        if self._response is not None and not self._response.done():
            self._response.set_exception(exc or ConnectionResetError())

    def _receive(self, data: bytes) -> None:
        if self._response is None or self._response.done():  # nobody asked for it
            self.end()
            return
        if not data and self._head is None and not self._http.trailing_data[0]:
            self._response.set_exception(ConnectionResetError())
            return
        if self._head is None:
            self._head_bytes += data
        try:
            self._http.receive_data(data)
            self._read_events(self._response)
        except (HTTPException, h11.ProtocolError) as error:
            self._response.set_exception(error)

    def _read_events(self, response: asyncio.Future[Response]) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                return
            if isinstance(event, h11.Response):
                self._head = event
                check_framing(_fields(event))
                raw = self._head_bytes.partition(b"\r\n\r\n")[0]  # h11 joins equal lengths
                if raw.lower().count(b"\ncontent-length:") > 1:
                    raise HTTPException("the end of the response is ambiguous")
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._max_bytes:
                    raise HTTPException("the response is too long")
            elif isinstance(event, h11.EndOfMessage):
                break
        self._is_over = bool(self._http.trailing_data[0]) or (
            self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE
        )
        if not self._is_over:
            self._http.start_next_cycle()
        assert self._head is not None  # noqa: S101  it precedes the end
        head = self._head
        response.set_result(make_response(head.status_code, _fields(head), bytes(self._body)))


def _fields(head: h11.Response) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers]
