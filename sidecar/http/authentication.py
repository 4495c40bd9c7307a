"""Who may ask: callers with a token, where tokens are asked for."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from typing import Protocol

from sidecar.errors import Problem
from sidecar.http.errors import Rejection
from sidecar.http.message import Response

_CHALLENGE = 'Bearer realm="sidecar"'

_BROWSER_CHALLENGE = 'Basic realm="sidecar", charset="UTF-8"'
"""Makes a browser ask a person for the token, as the password of any name."""

MOST_ADMITTED = 1000
"""Header fields that are remembered; then all are forgotten."""

_NOTHING = object()
"""No reading of tokens."""

_OPEN = ("/healthz", "/readyz")
_OPEN_BELOW = "/.well-known/"
"""Discovery is public by its nature: it tells what callers need before they can be let in, and
nothing but the URLs and features that the operator has chosen to publish."""


class Holders(Protocol):
    """Who holds which token."""

    @property
    def reading(self) -> object:
        """Return what stands for all that is known of tokens: another object once that changes."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Return why nobody may ask."""

    @property
    def failures(self) -> Sequence[Problem]:
        """Return what is wrong with looking at the tokens, though callers may ask."""

    def holder(self, token: str) -> str | None:
        """Return the name of whoever holds a token, None if nobody does."""


class Access:
    """Who may ask; without tokens everybody who can reach us."""

    def __init__(self, tokens: Holders | None = None, *, takes_passwords: bool = False) -> None:
        """Let holders of tokens in.

        Args:
            tokens: Who holds which token; None where nobody needs one.
            takes_passwords: Whether a token may be the password of Basic authentication, the only
                kind that a browser asks a person for.
        """
        self._tokens = tokens
        self._takes_passwords = takes_passwords
        self._admitted: dict[bytes | None, object] = {}
        """Header fields of those that were let in, and by which reading of the tokens."""

    @property
    def asks(self) -> bool:
        """Whether callers must show a token."""
        return self._tokens is not None

    def problems(self) -> Sequence[Problem]:
        """Return why nobody may ask."""
        return self._tokens.problems if self._tokens else ()

    def failures(self) -> Sequence[Problem]:
        """Return what is wrong with looking at the tokens, though callers may ask."""
        return self._tokens.failures if self._tokens else ()

    def refusal(self, authorization: bytes | None) -> Response | None:
        """Return the response to a caller that may not ask; None if it may.

        Args:
            authorization: The header field; None where there is none.
        """
        tokens = self._tokens
        # Found by its keyed hash, a header tells nobody how much of a guess is right.
        if tokens is None or self._admitted.get(authorization, _NOTHING) is tokens.reading:
            return None
        reading, header = tokens.reading, (authorization or b"").decode("latin-1")
        token = _token(header) or (_password(header) if self._takes_passwords else "")
        if token and tokens.holder(token) is not None:
            if len(self._admitted) >= MOST_ADMITTED:
                self._admitted.clear()
            self._admitted[authorization] = reading
            return None
        if authorization is None:
            response, challenge = Rejection.NO_TOKEN.response(), _CHALLENGE
        else:
            response = Rejection.UNKNOWN_TOKEN.response()
            challenge = f'{_CHALLENGE}, error="invalid_token"'
        response = response.with_headers(("WWW-Authenticate", challenge))
        if self._takes_passwords:
            response = response.with_headers(("WWW-Authenticate", _BROWSER_CHALLENGE))
        return response

    def refusal_at(self, path: str, authorization: bytes | None) -> Response | None:
        """Return the same, where not everybody may ask at a path."""
        return None if is_open(path) else self.refusal(authorization)


def is_open(path: str) -> bool:
    """Tell whether everybody may ask at this path, which is written as we declare it."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


def _password(header: str) -> str:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = b64decode(credentials.strip(" "), validate=True)
    except ValueError:
        return ""
    return decoded.decode("latin-1").partition(":")[2]
