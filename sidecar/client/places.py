"""Where a sidecar listens: a URL, or the path of a Unix socket."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


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

    def connect(self, ends: float) -> socket.socket:
        """Connect to the first of its addresses that answers.

        Args:
            ends: By when, on the monotonic clock. Resolving a name is not bound by it: give an
                address, or a name that the machine itself knows.

        Raises:
            OSError: None of them answered, or not in time.
        """
        if self.unix:
            return _connected(socket.AF_UNIX, self.unix, ends)
        failure = OSError(f"`{self.host}` has no address")
        for family, _, _, _, address in socket.getaddrinfo(
            self.host, self.port, type=socket.SOCK_STREAM
        ):
            try:
                plain = _connected(family, address, ends)
            except OSError as error:
                failure = error
                continue
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._secured(plain, self.tls, ends) if self.tls else plain
        raise failure

    def _secured(self, plain: socket.socket, tls: ssl.SSLContext, ends: float) -> socket.socket:
        try:
            plain.settimeout(left(ends))
            return tls.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
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


def _connected(family: int, address: object, ends: float) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(left(ends))
        made.connect(address)  # type: ignore[arg-type]  # of any family
    except OSError:
        made.close()
        raise
    return made
