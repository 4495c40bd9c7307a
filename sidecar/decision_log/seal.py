"""The hash over what one write appends and the hash before it, and what exactly is hashed.

Of the line of an answer, the members from `revisions` on are the same each time that the answer is
given. Their hash is kept with the answer, and stands in their place in what is hashed: a write of
100 lines hashes a quarter of its bytes. The text of the moment is left out of these members; it is
that of `time`, which stands before them.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Protocol

FIRST_HASH = bytes(32)
"""Before the first hash of a chain."""


class Hasher(Protocol):
    """A hash of data that come in pieces."""

    def update(self, data: bytes, /) -> None:
        """Add data."""

    def hexdigest(self) -> str:
        """Return the hash of all data."""


class Seal(Protocol):
    """How the hash of a write is made."""

    member: bytes
    """Its name in a line."""

    def of(self, data: bytes) -> bytes:
        """Return the hash, 32 bytes."""

    def begin(self, data: bytes) -> Hasher:
        """Return the same hash of data that is not complete yet."""


class PlainSeal:
    """SHA-256, which whoever edits the file can make anew."""

    member = b"hash"

    def of(self, data: bytes) -> bytes:
        """Return the hash, 32 bytes."""
        return sha256(data).digest()

    def begin(self, data: bytes) -> Hasher:
        """Return the same hash of data that is not complete yet."""
        return sha256(data)


class KeyedSeal:
    """HMAC-SHA256, which nobody can make without the key."""

    member = b"mac"

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, data: bytes) -> bytes:
        """Return the hash, 32 bytes."""
        return hmac.digest(self._key, data, "sha256")

    def begin(self, data: bytes) -> Hasher:
        """Return the same hash of data that is not complete yet."""
        return hmac.new(self._key, data, "sha256")
