"""Digests of an unambiguous encoding: different contents have different digests.

Each part is encoded with its kind and length, so that no text can imitate the boundary between two
parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256

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
        content = text.encode("utf-8", "surrogatepass")
        self._hash.update(b"s%d:%b" % (len(content), content))

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
    if isinstance(part, str):
        return _framed(b"s", part.encode("utf-8", "surrogatepass"))
    if isinstance(part, bytes):
        return _framed(b"b", part)
    if isinstance(part, tuple | list):
        return _framed(b"l", b"".join(map(encode, part)))
    if isinstance(part, set | frozenset):
        return _framed(b"u", b"".join(sorted(map(encode, part))))
    if isinstance(part, Mapping):
        pairs = part.items()  # ordered, since lists of actions have the order of the schema
        return _framed(b"m", b"".join(encode(key) + encode(value) for key, value in pairs))
    if is_dataclass(part):
        members = [(field.name, getattr(part, field.name)) for field in fields(part)]
        return _framed(b"d", encode(type(part).__name__) + encode(members))
    return _framed(b"v", encode(type(part).__name__) + encode(repr(part)))


def _framed(kind: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (kind, len(content), content)
