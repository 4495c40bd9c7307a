"""The protocol and its service in this process, over a pair of connected sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from sidecar.config.settings import Settings
from sidecar.http import Access, create_app, service_of
from sidecar.http import Limits as RequestLimits
from sidecar.reload import Places, Reloading
from sidecar.server.limits import Limits
from sidecar.server.protocol import HttpProtocol
from sidecar.server.service import Service
from sidecar.server.wsgi import Application

SECONDS = 60.0

LIMITS = Limits(
    max_line_bytes=4094,
    max_header_fields=64,
    max_header_bytes=3000,
    max_head_bytes=4000,
    max_body_bytes=3000,
    max_connections=10,
    max_waiting=10,
    transfer_seconds=SECONDS,
    request_seconds=SECONDS,
    idle_seconds=SECONDS,
)


def application(access: Access | None = None) -> Flask:
    """Return the application over the shipped pack and the demo world."""
    shipped = Settings()
    reloading = Reloading(Places(shipped.policies, shipped.fixtures, shipped.mount()))
    reloading.load()
    limits = RequestLimits(max_body_bytes=LIMITS.max_body_bytes, max_evaluations=20)
    return create_app(reloading, limits=limits, access=access)


class Loopback:
    """Sends bytes to a connection of the service."""

    def __init__(
        self,
        app: Flask,
        access: Access | None = None,
        wsgi: Application | None = None,
        **parts: Any,  # noqa: ANN401  of the service
    ) -> None:
        self.loop = asyncio.SelectorEventLoop()
        given = {"limits": LIMITS, "threads": 2, "access_log": None, **parts}
        self.http = service_of(app)
        self.service = Service(
            application=wsgi or app, http=self.http, access=access or Access(), **given
        )
        self.service.start(self.loop)

    def exchange(self, *pieces: bytes) -> bytes:
        """Return all that comes back to a client that sends these pieces and then stops sending."""
        return self.loop.run_until_complete(self._exchange(pieces))

    async def _exchange(self, pieces: tuple[bytes, ...]) -> bytes:
        async with asyncio.timeout(SECONDS):
            client = await self.connect()
            for piece in pieces:
                await self.loop.sock_sendall(client, piece)
                await asyncio.sleep(0)
            client.shutdown(socket.SHUT_WR)
            return await self.read_all(client)

    async def connect(self) -> socket.socket:
        """Return the client's end of a new connection."""
        ours, client = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003  its own signature
        client.setblocking(False)  # noqa: FBT003
        connection = HttpProtocol(self.service, "", is_tls=False)
        self.service.connections.add(connection)
        await self.loop.connect_accepted_socket(lambda: connection, ours)
        return client

    async def read_all(self, client: socket.socket) -> bytes:
        """Return all that comes until the service closes the connection."""
        received = b""
        with client:
            while piece := await self._read(client):
                received += piece
        return received

    async def _read(self, client: socket.socket) -> bytes:
        try:
            return await self.loop.sock_recv(client, 65536)
        except ConnectionResetError:
            return b""


@contextmanager
def loopback(app: Flask, access: Access | None = None, **parts: Any) -> Iterator[Loopback]:  # noqa: ANN401
    """Close the event loop at the end."""
    made = Loopback(app, access, **parts)
    try:
        yield made
    finally:
        made.loop.close()


def responses(received: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Divide what was received into responses: status, header fields and body."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        length = int(fields.get("content-length", "0"))
        found.append((int(first.split(" ")[1]), fields, rest[:length]))
        received = rest[length:]
    return found
