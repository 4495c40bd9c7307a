"""Who may ask: whoever shows a token, where tokens are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from flask import Flask, Response, g, request

from sidecar.errors import Problem
from sidecar.http.faults import refusal

_CHALLENGE = 'Bearer realm="sidecar"'
_NEEDED = "send a token: `Authorization: Bearer TOKEN`"
_UNKNOWN = "this token is not known"

_OPEN = ("/healthz", "/readyz")
_OPEN_BELOW = "/.well-known/"
"""Discovery is public by its nature: it tells what callers need before they can be let in, and
nothing but the URLs and features that the operator has chosen to publish."""


class Holders(Protocol):
    """Who holds which token."""

    @property
    def problems(self) -> Sequence[Problem]:
        """Return why nobody may ask."""

    def holder(self, token: str) -> str | None:
        """Return the name of whoever holds a token, None if nobody does."""


class Access:
    """Who may ask; without tokens everybody who can reach us."""

    def __init__(self, tokens: Holders | None = None) -> None:
        self._tokens = tokens

    @property
    def asks(self) -> bool:
        """Whether callers must show a token."""
        return self._tokens is not None

    def problems(self) -> Sequence[Problem]:
        """Return why nobody may ask."""
        return self._tokens.problems if self._tokens else ()

    def is_known(self) -> bool:
        """Tell whether the present caller may ask, and so may be told of our files."""
        return self._tokens is None or self.holder() is not None

    def holder(self) -> str | None:
        """Return the name of the present caller; None if it shows no token that we know."""
        said = _said(request.headers.get("Authorization", ""))
        return self._tokens.holder(said) if self._tokens and said else None

    def register(self, app: Flask) -> None:
        """Let nobody else ask anything but whether we live, and what we are."""
        if self._tokens is None:
            return

        @app.before_request
        def admit() -> Response | None:
            path = request.url_rule.rule if request.url_rule else ""
            g.caller = self.holder()
            if g.caller is not None or is_open(path):
                return None
            shown = "Authorization" in request.headers
            response = refusal(HTTPStatus.UNAUTHORIZED, _UNKNOWN if shown else _NEEDED)
            fault = ', error="invalid_token"' if shown else ""
            response.headers["WWW-Authenticate"] = _CHALLENGE + fault
            return response


def is_open(path: str) -> bool:
    """Tell whether everybody may ask at this path, which is written as we declare it."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _said(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""
