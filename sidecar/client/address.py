"""Where a sidecar listens: a URL, or the path of a Unix socket."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit


class Address(NamedTuple):
    """One address of a place."""

    family: int
    name: object
    """As the family writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address to connect to."""

    host: str
    port: int
    base: str
    """Of the paths; empty, or beginning with a slash."""
    unix: str = ""
    """The path of a socket, in place of host and port."""
    tls: ssl.SSLContext | None = None

    def addresses(self) -> list[Address]:
        """Return all that it is known by, the first to be tried first.

        Resolving a name takes as long as the machine takes for it: give an address, or a name that
        the machine itself knows.

        Raises:
            OSError: It has none.
        """
        if self.unix:
            return [Address(socket.AF_UNIX, self.unix)]
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(Address(family, address) for family, *_, address in found))

    def connect(self, address: Address, ends: float) -> socket.socket:
        """Connect to one of its addresses, by a moment on the monotonic clock.

        Raises:
            OSError: It does not answer, or not in time.
        """
        made = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            made.settimeout(left(ends))
            made.connect(address.name)  # type: ignore[arg-type]  # of any family
            if self.unix:
                return made
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is None:
                return made
            made.settimeout(left(ends))
            return self.tls.wrap_socket(made, server_hostname=self.host)
        except BaseException:
            made.close()
            raise


def place(url: str, tls: ssl.SSLContext | None) -> Place:
    """Read where to connect to: ``http://HOST:PORT``, ``https://HOST`` or ``unix:PATH``.

    Raises:
        ValueError: It is none of them.
    """
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        if not path or path.startswith("//"):
            raise ValueError("a Unix socket must be written `unix:PATH`")
        return Place(host="localhost", port=80, base="", unix=path)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"`{url}` is not `http://HOST:PORT`, `https://HOST` or `unix:PATH`")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a URL with a user, a query or a fragment is no place to connect to")
    secured = parts.scheme == "https"
    return Place(
        host=parts.hostname,
        port=parts.port or (443 if secured else 80),
        base=parts.path.rstrip("/"),
        tls=(tls or ssl.create_default_context()) if secured else None,
    )


def left(ends: float) -> float:
    """Return how many seconds are left.

    Raises:
        TimeoutError: None.
    """
    seconds = ends - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("it took too long")
    return seconds
