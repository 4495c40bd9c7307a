"""JSON Web Tokens: who the client of a proxy is, by a token that an issuer has signed."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Any, NamedTuple

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry, extract_compact, validate_compact
from joserfc.jwt import JWTClaimsRegistry

from sidecar.errors import InvalidRequestError, Problem
from sidecar.http.json_body import parse
from sidecar.http.key_set import Key, KeySet
from sidecar.http.subjects import NotIdentifiedError, checked_id
from sidecar.routes import Identification

MAX_TOKEN_BYTES = 6 * 1024

MOST_KNOWN = 1000
"""Tokens that are remembered, of a few KB at most; then all are forgotten."""

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})

_TOKEN = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A JWS in compact form. A JWE has five parts, and an unsigned token an empty last one."""

_REFUSED = ("crit", "b64", "cty", "jwk", "jku", "x5c", "x5u", "zip", "enc")
"""Header parameters that would change what is verified, or by which key."""

_TIMES = frozenset({"exp", "nbf", "iat"})

_TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})


class _Registry(JWSRegistry):
    """joserfc's registry with our algorithms alone, and longer headers than its 512 bytes."""

    max_header_length = MAX_TOKEN_BYTES

    def get_alg(self, name: str) -> Any:  # noqa: ANN401  a class that joserfc does not export
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class _Known(NamedTuple):
    """A token that was verified."""

    keys: object
    """The reading of the keys by which it was."""
    subject: str
    since: float
    until: float


class JwtVerifier:
    """Verifies tokens by the keys of a file, and remembers them as long as they hold."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys
        self._known: dict[tuple[bytes, Identification], _Known] = {}

    def problems(self) -> Sequence[Problem]:
        """Return why no token can be verified, and what is wrong with looking at the keys."""
        return (*self._keys.problems, *self._keys.failures)

    def known(self, token: bytes, identification: Identification, now: datetime) -> str | None:
        """Return the subject of a token that was verified before; None if it has to be again."""
        known = self._known.get((token, identification))
        if known is None or known.keys is not self._keys.reading:
            return None
        return known.subject if known.since <= now.timestamp() < known.until else None

    def verify(self, token: bytes, identification: Identification, now: datetime) -> str:
        """Return the subject of a token.

        Raises:
            NotIdentifiedError: It is not valid.
        """
        reading = self._keys.reading
        if len(token) > MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token):
            raise _invalid(f"is no signed token of at most {MAX_TOKEN_BYTES} bytes")
        header, payload = (_json_object(part) for part in token.split(b".")[:2])
        key = _key_of(header, reading.value)
        try:
            signed = extract_compact(token, registry=_REGISTRY)
            is_signed = validate_compact(signed, key.key, registry=_REGISTRY)
        except (JoseError, ValueError, TypeError) as error:
            raise _invalid(f"cannot be verified ({type(error).__name__})") from error
        if not is_signed:
            raise _invalid("has a signature that is not its issuer's")
        claims = _checked(payload, identification, now)
        subject = claims.get(identification.claim)
        if not isinstance(subject, str):
            raise _invalid(f"names the subject in `{identification.claim}`, which is no string")
        try:
            found = checked_id(subject.encode("utf-8"))
        except NotIdentifiedError as error:
            raise _invalid(str(error)) from error
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        known = _Known(reading, found, claims.get("nbf", -inf), claims["exp"])
        self._known[token, identification] = known
        return found


def _json_object(part: bytes) -> dict[str, Any]:
    """Return what a part of a token says, read more strictly than joserfc reads it."""
    try:
        content = parse(urlsafe_b64decode(part + b"=="))
    except (InvalidRequestError, ValueError) as error:
        raise _invalid("holds no JSON") from error
    if not isinstance(content, dict):
        raise _invalid("holds no JSON object")
    return content


def _key_of(header: Mapping[str, Any], keys: tuple[Key, ...]) -> Key:
    """Return the key that a header names, which is for the algorithm that it names."""
    for name in _REFUSED:
        if name in header:
            raise _invalid(f"has the header parameter `{name}`")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise _invalid("has a `typ` that is not JWT")
    algorithm = header.get("alg")
    fitting = [
        key
        for key in keys
        if key.algorithm == algorithm and ("kid" not in header or header["kid"] == key.kid)
    ]
    # A `kid` of null is equal to that of a key without one.
    if len(fitting) != 1 or header.get("kid", "") is None:
        raise _invalid("names no key for RS256, ES256 or EdDSA, or none for its algorithm")
    return fitting[0]


def _checked(
    claims: dict[str, Any], identification: Identification, now: datetime
) -> dict[str, Any]:
    """Return claims that hold now, for us, and by the issuer that we trust."""
    for name in _TIMES & claims.keys():
        if isinstance(claims[name], Decimal):
            claims[name] = float(claims[name])
    required = JWTClaimsRegistry(
        now=now.timestamp(),  # type: ignore[arg-type]  # an int would let `exp` pass for a second
        iss={"essential": True, "value": identification.issuer},
        aud={"essential": True, "value": identification.audience},
        exp={"essential": True},
    )
    try:
        required.validate(claims)
    except (JoseError, ValueError, TypeError) as error:
        raise _invalid(f"does not hold here or now ({type(error).__name__})") from error
    return claims


def _invalid(message: str) -> NotIdentifiedError:
    return NotIdentifiedError(f"the token {message}", has_token=True)
