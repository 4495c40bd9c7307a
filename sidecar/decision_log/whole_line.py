"""Tells whether a line of a decision log is whole, or what a failed write left of one."""

from __future__ import annotations

import json

import msgspec


class _Kind(msgspec.Struct):
    kind: str


_DECODER = msgspec.json.Decoder(_Kind)
_TOLERANT = json.JSONDecoder(strict=False)


def kind_of(line: bytes) -> str | None:
    """Return the kind of a line; None if it is not whole."""
    if not line.endswith(b"}\n"):
        return None
    try:
        return _DECODER.decode(line).kind
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def begins_with_json(line: bytes) -> bool:
    """Tell whether a tolerant reader finds JSON in a line, whatever stands behind it.

    In what is left of a line none does: the last brace is missing.
    """
    try:
        _TOLERANT.raw_decode(line.decode("latin-1"))
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def fits(begin: bytes, head: bytes) -> bool:
    """Tell whether a torn line can have begun with a head."""
    size = min(len(begin), len(head))
    return begin[:size] == head[:size]
