"""Who may ask: callers with a token, where tokens are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sidecar.errors import Problem
from sidecar.http.errors import Rejection
from sidecar.http.message import Response

_CHALLENGE = 'Bearer realm="sidecar"'

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

    def __init__(self, tokens: Holders | None = None) -> None:
        self._tokens = tokens
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
        reading, token = tokens.reading, _token((authorization or b"").decode("latin-1"))
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
        return response.with_headers(("WWW-Authenticate", challenge))

    def refusal_at(self, path: str, authorization: bytes | None) -> Response | None:
        """Return the same, where not everybody may ask at a path."""
        return None if is_open(path) else self.refusal(authorization)


def is_open(path: str) -> bool:
    """Tell whether everybody may ask at this path, which is written as we declare it."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""
