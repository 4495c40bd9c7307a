"""Digests of an unambiguous encoding: different contents have different digests.

Each part is encoded with its kind and length, so that no text can imitate the boundary between two
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from typing import Any

DIGITS = 16
"""Hexadecimal digits of a revision: enough to be unique, few enough to compare by eye."""


class Digest:
    """A digest to which parts are added one by one."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, part: object) -> None:
        """Add a part; see `encode`."""
        self._hash.update(encode(part))

    def add_text(self, text: str) -> None:
        """Add a text, as `add` does but faster, as the type is known."""
        self._hash.update(_text(text))

    def bytes(self) -> bytes:
        """Return the whole digest."""
        return self._hash.digest()

    def revision(self) -> str:
        """Return the first digits of the digest, for users to compare."""
        return self._hash.hexdigest()[:DIGITS]


def digest_of(*parts: object) -> Digest:
    """Return the digest of parts in their order."""
    digest = Digest()
    for part in parts:
        digest.add(part)
    return digest


def encode(part: object) -> bytes:
    """Return the unambiguous encoding of a part.

    Texts, bytes, sequences, sets, mappings and dataclasses may be nested. Any other value is
    encoded by its class and `repr`, which must show the whole value.
    """
    kind = type(part)
    encoder = _ENCODERS.get(kind)
    if encoder is None:
        encoder = _ENCODERS[kind] = _encoder_of(kind)
    return encoder(part)


def _encoder_of(kind: type) -> Callable[[Any], bytes]:
    """Return the function that encodes the values of a class."""
    for known, encoder in _KNOWN.items():
        if issubclass(kind, known):
            return encoder
    name = encode(kind.__name__)
    if is_dataclass(kind):
        return partial(_members, name, [(each.name, encode(each.name)) for each in fields(kind)])
    return partial(_value, name)


def _text(part: str) -> bytes:
    content = part.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(content), content)


def _sequence(parts: Sequence[object]) -> bytes:
    content = b"".join([encode(each) for each in parts])
    return b"l%d:%b" % (len(content), content)


def _set(parts: Collection[object]) -> bytes:
    content = b"".join(sorted([encode(each) for each in parts]))
    return b"u%d:%b" % (len(content), content)


def _mapping(pairs: Mapping[object, object]) -> bytes:
    # Ordered, since lists of actions have the order of the schema.
    content = b"".join([encode(each) for pair in pairs.items() for each in pair])
    return b"m%d:%b" % (len(content), content)


def _members(name: bytes, members: Sequence[tuple[str, bytes]], part: object) -> bytes:
    """Encode a dataclass: its name, and the sequence of pairs of a name and a value."""
    pairs = []
    for member, encoded in members:
        value = encode(getattr(part, member))
        pairs.append(b"l%d:%b%b" % (len(encoded) + len(value), encoded, value))
    content = b"".join(pairs)
    content = b"%bl%d:%b" % (name, len(content), content)
    return b"d%d:%b" % (len(content), content)


def _value(name: bytes, part: object) -> bytes:
    content = name + _text(repr(part))
    return b"v%d:%b" % (len(content), content)


_KNOWN: Mapping[type, Callable[[Any], bytes]] = {
    str: _text,
    bytes: lambda part: b"b%d:%b" % (len(part), part),
    tuple: _sequence,
    list: _sequence,
    set: _set,
    frozenset: _set,
    Mapping: _mapping,
}
"""In this order: a class is encoded as the first of these that it is a subclass of."""
_ENCODERS: dict[type, Callable[[Any], bytes]] = {}
"""Of the classes that were met."""
