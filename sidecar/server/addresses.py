"""Addresses to listen at: which of them nobody but this machine can reach."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address

from sidecar.errors import InvalidSettingError

_EVERYWHERE = "0.0.0.0"  # noqa: S104  what gunicorn makes of an empty host


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    text: str
    """As gunicorn takes it, with no name left to be looked up a second time."""
    is_local: bool
    """Whether nobody but this machine can reach it."""


def resolve(text: str) -> Address:
    """Look up an address, ``unix:PATH`` or ``HOST:PORT``.

    Raises:
        InvalidSettingError: Nobody knows the host.
    """
    if text.startswith("unix:"):
        return Address(text, is_local=True)
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or _EVERYWHERE
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidSettingError(f"the host `{host}` is not known; listen at another") from error
    # IPv4 first: of a name with both, callers that know the name only try both.
    family, _, _, _, place = min(found, key=lambda each: each[0] is not socket.AF_INET)
    figures = str(place[0])
    shown = f"[{figures}]" if family is socket.AF_INET6 else figures
    return Address(f"{shown}:{port}", is_local=is_local(family, figures))


def is_local(family: int, host: str) -> bool:
    """Tell whether nobody but this machine can reach a socket of this family and host."""
    if family == socket.AF_UNIX:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
