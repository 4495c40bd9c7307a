"""Texts of settings: what an operator wrote, read, or refused by a ValueError with a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from math import inf


def seconds(text: str) -> float:
    """Read a positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not 0 < value < inf:
        raise ValueError(f"`{text}` is not a positive number of seconds")
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number within bounds, both included."""

    def read(text: str) -> int:
        value = int(text) if _NUMBER.fullmatch(text) else -1
        if not least <= value <= most:
            raise ValueError(f"`{text}` is not a whole number from {least} to {most}")
        return value

    return read


_NUMBER = re.compile(r"[0-9]{1,9}")


def bind(text: str) -> str:
    """Read an address to listen at."""
    if text.startswith("unix:"):
        if text == "unix:":
            raise ValueError("`unix:` must be followed by the path of the socket")
        return text
    host, _, port = text.rpartition(":")
    if not host:
        raise ValueError(f"`{text}` is neither `unix:PATH` nor `HOST:PORT`")
    whole(0, 65535)(port)
    return text


def mode(text: str) -> str:
    """Read the mode of a file, as `chmod` takes it."""
    if not _MODE.fullmatch(text):
        raise ValueError(f"`{text}` is not a mode in octal, such as `660` or `600`")
    return text


_MODE = re.compile(r"0?[0-7]{3}")


def public_url(text: str) -> str:
    """Read a URL that callers may know us by."""
    found = _URL.fullmatch(text)
    if found is None or int(found["port"] or 0) > _MAX_PORT:
        raise ValueError(
            f"`{text}` is not written like `https://pdp.example.com` or "
            "`https://pdp.example.com/base`: no query, no fragment, no slash at the end"
        )
    if found["scheme"] != "https" and not _is_loopback(found["host"].strip("[]")):
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
    """Read yes or no."""
    if text not in _FLAGS:
        raise ValueError(f"`{text}` is not yes or no")
    return _FLAGS[text]


_FLAGS = {"yes": True, "no": False}


def failure(text: str) -> str:
    """Read what to do when the decision log cannot be written."""
    if text not in _FAILURES:
        raise ValueError(f"`{text}` is not refuse or count")
    return text


_FAILURES = ("refuse", "count")


def anyone(text: str) -> bool:
    """Read the words by which an operator lets anybody ask."""
    if text not in _WORDS:
        raise ValueError(f"`{text}` is not `{ANYONE}`, which is what it takes")
    return _WORDS[text]


ANYONE = "yes-anyone-may-ask"

_WORDS = {ANYONE: True, "no": False}


def level(text: str) -> str:
    """Read how much to log."""
    if text not in LEVELS:
        raise ValueError(f"`{text}` is not one of {', '.join(LEVELS)}")
    return text


LEVELS = ("debug", "info", "warning", "error")
