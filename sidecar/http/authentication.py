"""Who may ask: whoever shows a token, where tokens are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from flask import Flask, Response, request

from sidecar.errors import Problem
from sidecar.http.errors import refused, rendered
from sidecar.http.message import Told

_CHALLENGE = 'Bearer realm="sidecar"'
_NEEDED = "send a token: `Authorization: Bearer TOKEN`"
_UNKNOWN = "this token is not known"

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
        self._admitted: dict[str | None, object] = {}
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

    def is_known(self) -> bool:
        """Tell whether the present caller may ask, and so may be told of our files."""
        return self.refusal(request.headers.get("Authorization")) is None

    def refusal(self, authorization: str | None) -> Told | None:
        """Return what a caller is told that may not ask; None if it may.

        Args:
            authorization: The header field; None where there is none.
        """
        tokens = self._tokens
        # Found by its keyed hash, a header tells nobody how much of a guess is right.
        if tokens is None or self._admitted.get(authorization, _NOTHING) is tokens.reading:
            return None
        reading, token = tokens.reading, _said(authorization or "")
        if token and tokens.holder(token) is not None:
            if len(self._admitted) >= MOST_ADMITTED:
                self._admitted.clear()
            self._admitted[authorization] = reading
            return None
        shown = authorization is not None
        fault = ', error="invalid_token"' if shown else ""
        answer = refused(HTTPStatus.UNAUTHORIZED, _UNKNOWN if shown else _NEEDED)
        return answer.also(("WWW-Authenticate", _CHALLENGE + fault))

    def register(self, app: Flask) -> None:
        """Let nobody else ask anything but whether we live, and what we are."""
        if self._tokens is None:
            return

        @app.before_request
        def admit() -> Response | None:
            path = request.url_rule.rule if request.url_rule else ""
            if is_open(path):
                return None
            answer = self.refusal(request.headers.get("Authorization"))
            return rendered(answer) if answer else None


def is_open(path: str) -> bool:
    """Tell whether everybody may ask at this path, which is written as we declare it."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _said(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""
