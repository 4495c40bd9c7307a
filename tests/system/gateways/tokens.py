"""JSON Web Tokens that show who sends a request."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ISSUER, AUDIENCE, KEY_ID = "https://login.example", "projects", "key-1"
HEADER = {"alg": "EdDSA", "kid": KEY_ID, "typ": "JWT"}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def bearer(
    key: Ed25519PrivateKey = KEY, header: Mapping[str, object] = HEADER, **claims: object
) -> bytes:
    """Return the value of `Authorization` with a signed token (RFC 7519, RFC 8037).

    Args:
        key: It signs.
        header: Of the token.
        claims: Beside the usual ones, or in their place.
    """
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "nbf": now - 60, "exp": now + 3600}
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, usual | claims))
    return b"Bearer " + signed + b"." + _encoded(key.sign(signed))


def key_set() -> str:
    """Return the JSON Web Key Set that verifies the tokens."""
    public = _encoded(KEY.public_key().public_bytes_raw()).decode()
    key = {"kty": "OKP", "crv": "Ed25519", "kid": KEY_ID, "alg": "EdDSA", "x": public}
    return json.dumps({"keys": [key]})


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
