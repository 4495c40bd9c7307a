"""JSON as the decision log has it: in ASCII, without blanks."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii


def encode(value: object) -> bytes:
    """Write a line, or a part of one: in ASCII, so that no id can end it, whatever it holds."""
    return _encode(value).encode("ascii")


def quote(text: str) -> bytes:
    """Write a text as `encode` does, in a third of the time."""
    return encode_basestring_ascii(text).encode("ascii")


def plain(value: object) -> str:
    """Write what JSON has no form for."""
    return str(value)  # a Decimal, of which nothing else is in what a caller said


_encode = json.JSONEncoder(separators=(",", ":"), default=plain).encode
