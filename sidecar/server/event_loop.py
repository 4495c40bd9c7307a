"""The event loop of a process with connections: it accepts them and looks at their deadlines."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from sidecar.metrics.catalog import PAUSES
from sidecar.server.protocol import CLOSING_SECONDS, HttpProtocol
from sidecar.server.service import Service
from sidecar.server.tls import Credentials

LOG = logging.getLogger("sidecar")

SWEEP_SECONDS = 0.25
"""How often deadlines are looked at."""

ACCEPTED_AT_ONCE = 64
"""Connections that are accepted at once while others wait for their turn, or at a stop.

Else it is one, so that another worker may have the next."""

ITERATIONS_BEFORE_SWEEP = 4
"""In the first a connection is set up, in the next it is watched, and in the third it is read."""

_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class EventLoop:
    """Serves connections until it is stopped, and then until all requests have their responses."""

    def __init__(
        self,
        service: Service,
        sockets: Sequence[socket.socket],
        tls: Credentials | None,
        *,
        stop_seconds: float,
        sweep: Callable[[], bool],
    ) -> None:
        """Prepare to serve, in an event loop that runs.

        Args:
            service: Answers requests.
            sockets: Where connections are accepted.
            tls: What they are encrypted with; None where they are not.
            stop_seconds: For running requests to end.
            sweep: Called at each look at the deadlines; returns whether to serve on.
        """
        self._loop = asyncio.get_running_loop()
        self._service = service
        self._goes_on = sweep
        self._stop_seconds = stop_seconds
        self._acceptor = _Acceptor(sockets, service, tls, self._loop)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to end."""
        self._stopping.set()

    async def serve(self) -> None:
        """Serve; the service has been started."""
        if not await self._start():
            return
        self._acceptor.resume()
        sweeping = asyncio.create_task(self._sweep())
        await self._stopping.wait()
        ends = monotonic() + self._stop_seconds
        service = self._service
        service.stop()
        # Whatever closes a connection may be the last that was waited for.
        while (not self._acceptor.close() or service.connections) and monotonic() < ends:  # noqa: ASYNC110
            await asyncio.sleep(SWEEP_SECONDS / 10)
        sweeping.cancel()

    async def _start(self) -> bool:
        """Start the threads as soon as the system has them; nothing could be logged without."""
        while True:
            try:
                self._service.start(self._loop)
            except RuntimeError:
                LOG.warning("no thread can be started; trying again")
            else:
                return True
            if self._stopping.is_set() or not self._goes_on():
                return False
            await asyncio.sleep(1.0)

    async def _sweep(self) -> None:
        """Look at deadlines, and tell that this process lives."""
        while True:
            now = monotonic()
            goes_on = self._goes_on()
            # What had arrived by `now` is read within the next iterations of the event loop: if
            # this process was stopped for a while, no client is to blame for that.
            for _ in range(ITERATIONS_BEFORE_SWEEP):
                await asyncio.sleep(0)
            self._service.sweep(now)
            self._acceptor.resume()
            if not goes_on:
                self.stop()
            await asyncio.sleep(SWEEP_SECONDS)


class _Acceptor:
    """Accepts connections, as long as there is room for them."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        service: Service,
        tls: Credentials | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._sockets = sockets
        self._service = service
        self._tls = tls
        self._loop = loop
        self._accepts = False
        self._closed = False
        service.on_closed = self.resume
        for sock in sockets:
            sock.setblocking(False)  # noqa: FBT003  its own signature

    def resume(self) -> None:
        """Accept connections again."""
        if not self._accepts and not self._service.is_stopping:
            self._accepts = True
            for sock in self._sockets:
                self._loop.add_reader(sock, self._accept, sock)

    def close(self) -> bool:
        """Accept the connections that the kernel has for us, and no more.

        A connection that is left behind is reset, though its client may have sent a request.

        Returns:
            False where there is no room for all of them yet: then it has to be called again.
        """
        self._pause()
        for sock in [] if self._closed else self._sockets:
            while self._accept(sock):
                pass
        if self._service.connections.is_full():
            return False
        self._closed = True
        for sock in self._sockets:
            sock.close()
        return True

    def _pause(self) -> None:
        if self._accepts:
            self._accepts = False
            for sock in self._sockets:
                self._loop.remove_reader(sock)

    def _accept(self, listener: socket.socket) -> bool:
        """Accept connections; tell whether there may be more."""
        connections = self._service.connections
        is_stopping = self._service.is_stopping
        is_late = is_stopping or bool(self._service.turns)
        for _ in range(ACCEPTED_AT_ONCE if is_late else 1):
            if connections.is_full() and (is_stopping or not connections.make_room()):
                self._service.counters.add(PAUSES, "busy")
                self._pause()
                return False
            try:
                sock, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return False
            except OSError as error:
                if error.errno not in _NO_DESCRIPTOR:
                    raise
                self._service.counters.add(PAUSES, "descriptor")
                if not connections.make_room():
                    self._pause()
                return False
            self._connect(sock, peer)
        return True

    def _connect(self, sock: socket.socket, peer: Any) -> None:  # noqa: ANN401  by its family
        client = str(peer[0]) if isinstance(peer, tuple) else ""
        sock.setblocking(False)  # noqa: FBT003  its own signature
        connection = HttpProtocol(self._service, client, is_tls=self._tls is not None)
        self._service.connections.add(connection)
        if self._service.is_stopping:
            connection.close_when_idle(monotonic() + CLOSING_SECONDS)
        context = self._tls.context if self._tls else None
        connection.connecting = self._loop.create_task(self._handshake(sock, connection, context))

    async def _handshake(
        self, sock: socket.socket, connection: HttpProtocol, context: ssl.SSLContext | None
    ) -> None:
        options: dict[str, Any] = {}
        if context is not None:
            options = {
                "ssl": context,
                "ssl_handshake_timeout": self._service.limits.transfer_seconds,
                "ssl_shutdown_timeout": CLOSING_SECONDS,
            }
        try:
            await self._loop.connect_accepted_socket(partial(_same, connection), sock, **options)
        except OSError:
            self._service.forget(connection)  # the client has left, or is not one of ours
            sock.close()


def _same(connection: HttpProtocol) -> HttpProtocol:
    return connection
