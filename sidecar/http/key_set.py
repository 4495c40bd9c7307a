"""The public keys by which tokens are verified, from a file that is read again when it changes."""

from __future__ import annotations

import logging
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from sidecar.errors import InvalidRequestError, Problem
from sidecar.http.json_body import parse
from sidecar.http.watched_file import Reading, WatchedFile, first_of

LOG = logging.getLogger("sidecar")

MAX_FILE_BYTES = 1024 * 1024
MIN_RSA_BITS = 2048
"""RFC 7518, section 3.3."""

HOW_TO = 'write the JSON Web Key Set of the issuer: `{"keys": [...]}`'

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of private keys and of secrets (RFC 7518, section 6)."""


class Key(NamedTuple):
    """A public key, and the one algorithm that it is for."""

    kid: str | None
    algorithm: str
    key: RSAKey | ECKey | OKPKey


class KeySet(WatchedFile[tuple[Key, ...]]):
    """The keys of a file; by one that cannot be used no token is verified."""

    def __init__(self, file: Path) -> None:
        super().__init__(file, (), MAX_FILE_BYTES, HOW_TO)

    def parse(self, name: str, content: bytes) -> Reading[tuple[Key, ...]]:
        """Return the keys of a content. Those for other uses and algorithms are left out."""
        try:
            return Reading(_keys(parse(content)))
        except (InvalidRequestError, _KeyError) as error:
            return Reading((), (Problem(name, 0, str(error)),))

    def report(self, reading: Reading[tuple[Key, ...]]) -> None:
        """Log how many keys there are, or why no token is verified."""
        if reading.problems:
            LOG.error("no token of a client is verified: %s", first_of(reading.problems))
        else:
            LOG.info("%d keys verify tokens of clients", len(reading.value))


class _KeyError(Exception):
    """The file is no set of public keys."""


def _keys(document: object) -> tuple[Key, ...]:
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise _KeyError(f"is no key set; {HOW_TO}")
    keys: list[Key] = []
    for place, found in enumerate(listed):
        what = f"keys[{place}]"
        if not isinstance(found, dict):
            raise _KeyError(f"{what} is no JSON object; {HOW_TO}")
        if _PRIVATE & found.keys():
            raise _KeyError(f"{what} is private or a secret; write its public part alone")
        key = _key(found, what)
        if key is None:
            continue
        if any((key.kid, key.algorithm) == (other.kid, other.algorithm) for other in keys):
            raise _KeyError(f"{what} has the `kid` of another key; give it one of its own")
        keys.append(key)
    if not keys:
        raise _KeyError("holds no key for RS256, ES256 or EdDSA that verifies signatures")
    return tuple(keys)


def _key(found: Mapping[str, Any], what: str) -> Key | None:
    """Return a key; None if it is for another algorithm or another use."""
    kind = _KINDS.get((found.get("kty"), found.get("crv")))
    if kind is None or found.get("use", "sig") != "sig" or not _verifies(found):
        return None
    algorithm, key_type = kind
    if found.get("alg", algorithm) != algorithm:
        return None
    kid = found.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise _KeyError(f"{what}: `kid` is no string; write it in quotes")
    try:
        if key_type is RSAKey and _bits(found["n"]) < MIN_RSA_BITS:
            raise _KeyError(f"{what} has fewer than {MIN_RSA_BITS} bits; make a longer one")
        key = key_type.import_key(dict(found))
        key.public_key  # noqa: B018  computes it
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise _KeyError(f"{what} is no key ({type(error).__name__}); copy it again") from None
    return Key(kid, algorithm, key)


_KINDS: Mapping[tuple[object, object], tuple[str, type[RSAKey | ECKey | OKPKey]]] = {
    ("RSA", None): ("RS256", RSAKey),
    ("EC", "P-256"): ("ES256", ECKey),
    ("OKP", "Ed25519"): ("EdDSA", OKPKey),
}
"""By type and curve."""


def _verifies(found: Mapping[str, Any]) -> bool:
    operations = found.get("key_ops")
    return operations is None or (isinstance(operations, list) and "verify" in operations)


def _bits(modulus: str) -> int:
    return int.from_bytes(urlsafe_b64decode(modulus + "==")).bit_length()
