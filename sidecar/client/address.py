"""The address of a sidecar: a URL, or the path of a Unix socket."""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit


class SocketAddress(NamedTuple):
    """A resolved address."""

    family: int
    name: object
    """In the form of the family, as `socket.connect` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of a sidecar."""

    host: str
    port: int
    base_path: str
    """Before all paths; empty, or beginning with a slash."""
    unix: str = ""
    """The path of a Unix socket, in place of host and port."""
    tls: ssl.SSLContext | None = None

    @property
    def host_field(self) -> str:
        """The field ``Host``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def resolve(self) -> list[SocketAddress]:
        """Return the socket addresses in the order in which to try them.

        The time that the resolver takes is not limited: prefer an address, or a name that the
        machine itself knows.

        Raises:
            OSError: There is none.
        """
        if self.unix:
            return [SocketAddress(socket.AF_UNIX, self.unix)]
        entries = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(SocketAddress(family, name) for family, *_, name in entries))

    def connect(self, address: SocketAddress, deadline: float) -> socket.socket:
        """Connect to one of the socket addresses by a deadline on the monotonic clock.

        Raises:
            OSError: No server accepts, or not in time.
        """
        connection = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds_left(deadline))
            connection.connect(address.name)  # type: ignore[arg-type]  # of any family
            if self.unix:
                return connection
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is None:
                return connection
            connection.settimeout(seconds_left(deadline))
            return self.tls.wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise


def parse_url(url: str, tls: ssl.SSLContext | None) -> Address:
    """Return the address of ``http://HOST:PORT``, ``https://HOST`` or ``unix:PATH``.

    Raises:
        ValueError: The URL has another form.
    """
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        if not path or path.startswith("//"):
            raise ValueError("a Unix socket must be written `unix:PATH`")
        return Address(host="localhost", port=80, base_path="", unix=path)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"`{url}` is not `http://HOST:PORT`, `https://HOST` or `unix:PATH`")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("the URL must not have a user, a query or a fragment")
    is_https = parts.scheme == "https"
    return Address(
        host=parts.hostname,
        port=parts.port or (443 if is_https else 80),
        base_path=parts.path.rstrip("/"),
        tls=(tls or ssl.create_default_context()) if is_https else None,
    )


def is_readable(descriptor: int) -> bool:
    """Return whether bytes, or the end of the connection, have arrived at a socket."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def seconds_left(deadline: float) -> float:
    """Return the seconds until a deadline on the monotonic clock.

    Raises:
        TimeoutError: The deadline has passed.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("it took too long")
    return seconds
