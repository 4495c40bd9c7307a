"""Parse the texts of settings; an invalid text is a ValueError with a message for the operator."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from math import inf
from pathlib import Path

DATABASES = ("sqlite", "postgresql", "postgres")
"""What the text that names a database begins with, before a colon."""


def seconds(text: str) -> float:
    """Return a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not 0 < value < inf:
        raise ValueError(f"`{text}` is not a positive number of seconds")
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a function that parses a whole number within bounds, both included."""

    def read(text: str) -> int:
        value = int(text) if _NUMBER.fullmatch(text) else -1
        if not least <= value <= most:
            raise ValueError(f"`{text}` is not a whole number from {least} to {most}")
        return value

    return read


_NUMBER = re.compile(r"[0-9]{1,9}")


def data(text: str) -> Path | str:
    """Return the directory of the facts, or the text that names a database."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in DATABASES:
        return Path(text)
    if not rest:
        raise ValueError(f"`{text}` names no database; write it behind the colon")
    return text


def bind(text: str) -> str:
    """Return an address to listen on."""
    if text.startswith("unix:"):
        if text == "unix:":
            raise ValueError("`unix:` must be followed by the path of the socket")
        return text
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError(f"`{text}` is neither `unix:PATH` nor `HOST:PORT`")
    whole(0, 65535)(port)
    return text


def admin(text: str) -> str:
    """Return an address for the operator's requests, or `off`."""
    return text if text == OFF else bind(text)


OFF = "off"


def mode(text: str) -> str:
    """Return a file mode, in octal as for `chmod`."""
    if not _MODE.fullmatch(text):
        raise ValueError(f"`{text}` is not a mode in octal, such as `660` or `600`")
    return text


_MODE = re.compile(r"0?[0-7]{3}")


def public_url(text: str) -> str:
    """Return the URL that callers use."""
    match = _URL.fullmatch(text)
    if match is None or int(match["port"] or 0) > _MAX_PORT:
        raise ValueError(
            f"`{text}` is not written like `https://pdp.example.com` or "
            "`https://pdp.example.com/base`: no query, no fragment, no slash at the end"
        )
    if match["scheme"] != "https" and not _is_loopback(match["host"].strip("[]")):
        raise ValueError(f"`{text}` must begin with `https://`, except at a loopback address")
    return text


_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)*"
)
_MAX_PORT = 65535


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def flag(text: str) -> bool:
    """Return whether the text is `yes`."""
    if text not in _FLAGS:
        raise ValueError(f"`{text}` is not yes or no")
    return _FLAGS[text]


_FLAGS = {"yes": True, "no": False}


def bad_rows(text: str) -> str:
    """Return what happens to rows that break the schema."""
    if text not in {"refuse", "deny"}:
        raise ValueError("write `refuse` or `deny`")
    return text


def failure(text: str) -> str:
    """Return what happens if the decision log cannot be written."""
    if text not in _FAILURES:
        raise ValueError(f"`{text}` is not refuse or count")
    return text


_FAILURES = ("refuse", "count")


def anonymous(text: str) -> bool:
    """Return whether anonymous callers are allowed, which takes a whole phrase."""
    if text not in _PHRASES:
        raise ValueError(f"`{text}` is not `{ANYONE}`; write this, or `no`")
    return _PHRASES[text]


ANYONE = "yes-anyone-may-ask"

_PHRASES = {ANYONE: True, "no": False}


def level(text: str) -> str:
    """Return a log level."""
    if text not in LEVELS:
        raise ValueError(f"`{text}` is not one of {', '.join(LEVELS)}")
    return text


LEVELS = ("debug", "info", "warning", "error")
