"""Keyed hashes in place of sensitive values: equal values of one origin have equal hashes, no more.

The origin is the attribute of a type, a property of an action or a member of the context. It is
hashed with the value, so that whoever can have one value hashed (a caller, by what it says in a
request) learns nothing of the values of another attribute.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path

from sidecar.decision_log.seal import KeyedSeal, PlainSeal, Seal
from sidecar.digests import encode
from sidecar.engine.sensitivity import Origin
from sidecar.errors import InvalidSettingError

LEAST_KEY_BYTES = 16


class Hashing:
    """HMAC-SHA256 by one key."""

    def __init__(self, key: bytes, *, known: bool = True) -> None:
        self._key = key
        self.known = known
        """Whether anybody else has the key."""

    @classmethod
    def by_file(cls, path: Path) -> Hashing:
        """Read the key from a file; white space around it is no part of it.

        Raises:
            InvalidSettingError: It cannot be read, or is too short to keep anything secret.
        """
        try:
            key = path.read_bytes().strip()
        except OSError as error:
            raise InvalidSettingError(
                f"the key `{path}` cannot be read: {error.strerror}"
            ) from error
        if len(key) < LEAST_KEY_BYTES:
            raise InvalidSettingError(
                f"the key `{path}` must have at least {LEAST_KEY_BYTES} bytes"
            )
        return cls(key)

    @classmethod
    def for_this_start(cls) -> Hashing:
        """Make a key that nobody knows: hashes of one start compare, those of two do not."""
        return cls(os.urandom(32), known=False)

    def key_name(self) -> str:
        """Return by which name lines speak of the key, so that nobody reads them by another."""
        return self._hashed("the name of the key")[:16]

    def seal(self) -> Seal:
        """Return what makes the hashes of chains: by another key that follows from this one."""
        if not self.known:  # nobody could verify them
            return PlainSeal()
        return KeyedSeal(bytes.fromhex(self._hashed("the key of the chains")))

    def of(self, origin: Origin, text: str) -> str:
        """Return the hash of a value in its text form.

        Args:
            origin: Where the value belongs (`sidecar.engine.sensitivity`).
            text: The value.
        """
        return self._hashed(origin, text)

    def _hashed(self, *parts: object) -> str:
        return hmac.digest(self._key, encode(parts), "sha256").hex()
