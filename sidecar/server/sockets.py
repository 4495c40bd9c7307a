"""Listening sockets: addresses of a name, Unix sockets and their files."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from sidecar.errors import InvalidSettingError

LOG = logging.getLogger("sidecar")

BACKLOG = 2048
"""Connections that the kernel keeps for us while we are busy; it may allow fewer."""

BIND_ATTEMPTS = 5
"""How often an address in use is tried, once a second: whoever has it may be stopping."""

_EVERYWHERE = "0.0.0.0"  # noqa: S104  what an empty host means
_UNAVAILABLE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True, slots=True)
class Address:
    """One address to listen at."""

    family: socket.AddressFamily
    host: str
    """Of a Unix socket: its path."""
    port: int = 0

    @classmethod
    def of(cls, sock: socket.socket) -> Address:
        """Return the address that a socket listens at."""
        name = sock.getsockname()
        if sock.family is socket.AF_UNIX:
            return cls(sock.family, name)
        return cls(sock.family, str(name[0]), int(name[1]))

    def __str__(self) -> str:
        if self.family is socket.AF_UNIX:
            return f"unix:{self.host}"
        shown = f"[{self.host}]" if self.family is socket.AF_INET6 else self.host
        return f"{shown}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return is_local(self.family, self.host)


def is_local(family: int, host: str) -> bool:
    """Tell whether nobody but this machine can reach a socket of this family and host."""
    if family == socket.AF_UNIX:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(text: str) -> Sequence[Address]:
    """Return all addresses of ``unix:PATH`` or ``HOST:PORT``, IPv4 first.

    Raises:
        InvalidSettingError: The host is not known.
    """
    if text.startswith("unix:"):
        return [Address(socket.AF_UNIX, text.removeprefix("unix:"))]
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or _EVERYWHERE
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidSettingError(f"the host `{host}` is not known; listen at another") from error
    found.sort(key=lambda info: info[0] is not socket.AF_INET)
    addresses = [Address(info[0], str(info[4][0]), int(info[4][1])) for info in found]
    return list(dict.fromkeys(addresses))


def listen(addresses: Sequence[Address], unix_mode: int) -> list[socket.socket]:
    """Return sockets that listen at all these addresses.

    Of a name with addresses of both families, one that this machine lacks is left out.

    Args:
        addresses: Those of one name; with port 0 all take the same free port.
        unix_mode: Who may connect to a Unix socket, as `chmod` takes it.

    Raises:
        InvalidSettingError: One of them cannot be listened at.
    """
    listening: list[socket.socket] = []
    for address in addresses:
        port = address.port
        if not port and listening and address.family is not socket.AF_UNIX:
            port = listening[0].getsockname()[1]
        try:
            listening.append(_listen(Address(address.family, address.host, port), unix_mode))
        except OSError as error:
            if error.errno in _UNAVAILABLE and (listening or address is not addresses[-1]):
                LOG.warning("`%s` is not listened at: %s", address, error.strerror)
                continue
            message = f"`{address}` cannot be listened at: {error.strerror or error}"
            raise InvalidSettingError(message) from error
    return listening


def _listen(address: Address, unix_mode: int) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        if address.family is socket.AF_UNIX:
            _bind_unix(sock, address.host, unix_mode)
        else:
            _bind_tcp(sock, address)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_tcp(sock: socket.socket, address: Address) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address.family is socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address.host != "::"))
    for attempt in range(BIND_ATTEMPTS):
        try:
            return sock.bind((address.host, address.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or attempt == BIND_ATTEMPTS - 1:
                raise
            LOG.warning("`%s` is in use; trying again", address)
            time.sleep(1.0)
    return None


def _bind_unix(sock: socket.socket, path: str, mode: int) -> None:
    """Bind a Unix socket in place of one that no server listens at.

    Raises:
        InvalidSettingError: A server listens at it, or the file is no socket.
        OSError: It cannot be bound.
    """
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        found = None
    if found is not None:
        if not stat.S_ISSOCK(found.st_mode):
            message = f"`{path}` is a file and no socket: remove it, or listen at another path"
            raise InvalidSettingError(message)
        if _has_listener(path):
            message = f"another server listens at `{path}`: stop it, or listen at another path"
            raise InvalidSettingError(message)
        Path(path).unlink()
    # Not by `chmod`, before which everybody could connect.
    umask = os.umask(0o777 & ~mode)
    try:
        sock.bind(path)
    finally:
        os.umask(umask)


def _has_listener(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)  # noqa: FBT003  its own signature
        try:
            client.connect(path)
        except ConnectionRefusedError:
            return False
        except OSError as error:
            return error.errno == errno.EAGAIN  # its backlog is full
    return True


@dataclass(frozen=True, slots=True)
class SocketFile:
    """The file of a Unix socket that this process has bound."""

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, path: str) -> SocketFile:
        """Return the file that stands at a path now.

        Raises:
            OSError: There is none.
        """
        found = Path(path).stat()
        return cls(path, found.st_dev, found.st_ino)

    def remove(self) -> None:
        """Remove the file, unless another server has put its own in its place."""
        try:
            if SocketFile.of(self.path) == self:
                Path(self.path).unlink()
        except OSError as error:
            LOG.warning("`%s` is not removed: %s", self.path, error.strerror)
