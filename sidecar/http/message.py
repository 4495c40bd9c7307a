"""What a request says beside its body, and what is told: without Flask, and made cheaply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from werkzeug.http import parse_options_header

from sidecar.http.freshness import Headers, said_in


class Fields(msgspec.Struct, frozen=True, gc=False):
    """The header fields that an answer can depend on."""

    json: bool
    """Whether the body is said to be JSON."""
    authorization: str | None = None
    request_id: str | None = None
    """As the caller said it; it comes back with the answer."""
    if_none_match: str | None = None
    demand: Headers | None = None
    """How new the facts have to be (`freshness`)."""

    @classmethod
    def of(cls, environ: Mapping[str, Any]) -> Fields:
        """Return those of a WSGI environment."""
        kind, _ = parse_options_header(environ.get("CONTENT_TYPE", ""))
        return cls(
            json=kind.lower() == "application/json",
            authorization=environ.get("HTTP_AUTHORIZATION"),
            request_id=environ.get("HTTP_X_REQUEST_ID"),
            if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
            demand=said_in(environ),
        )


OK = HTTPStatus.OK.value
"""As a plain number: looking up a member of an enumeration costs as much as a decision."""

Pairs = tuple[tuple[str, str], ...]

LASTING: Pairs = (("X-Content-Type-Options", "nosniff"),)
"""On every answer."""

PLAIN: Pairs = (
    ("Content-Type", "application/json"),
    # What is allowed now may not be in a moment.
    ("Cache-Control", "no-store"),
    *LASTING,
)
"""On every answer that says nothing else of itself."""


NO_LINES: Sequence[bytes] = ()


class Told(msgspec.Struct, frozen=True, gc=False):
    """An answer: its status, its header fields and its body, and what is logged of it."""

    status: int
    fields: Pairs
    body: bytes
    lines: Sequence[bytes] = NO_LINES
    """What has to be in the decision log before the answer goes out, in pieces."""

    def also(self, *fields: tuple[str, str]) -> Told:
        """Return it with further header fields."""
        return msgspec.structs.replace(self, fields=(*self.fields, *fields))

    def named(self, fields: Fields) -> Told:
        """Return it with the id that the caller gave the request, if any."""
        if fields.request_id is None:
            return self
        return self.also(("X-Request-ID", fields.request_id))


def told(members: object, status: int = OK) -> Told:
    """Return an answer in JSON; nouns of the core are written by the names of their fields."""
    return Told(int(status), PLAIN, msgspec.json.encode(members))
