"""The subject of a request at a gateway: who the client of the proxy is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sidecar.errors import Problem
from sidecar.http.message import RequestHead
from sidecar.routes import Identification

MAX_SUBJECT = 256
"""Characters of an id."""


class NotIdentifiedError(Exception):
    """The subject is not known.

    `has_token` tells whether there was a token, which is none of ours or is not valid.
    """

    def __init__(self, message: str, *, has_token: bool = False) -> None:
        super().__init__(message)
        self.has_token = has_token


class TokenVerifier(Protocol):
    """Verifies JWTs."""

    def problems(self) -> Sequence[Problem]:
        """Return why it cannot."""

    def known(self, token: bytes, identification: Identification, now: datetime) -> str | None:
        """Return the subject of a token that was verified before; None if it has to be again."""

    def verify(self, token: bytes, identification: Identification, now: datetime) -> str:
        """Return the subject of a token.

        Raises:
            NotIdentifiedError: The token is not valid.
        """


def subject_by_header(identification: Identification, head: RequestHead) -> str:
    """Return the id in the field that the proxy always sets.

    Raises:
        NotIdentifiedError: There is no such field, more than one, or no id in it.
    """
    name = identification.header.encode()
    for other in head.headers:
        if b"_" in other and other.replace(b"_", b"-") == name:
            raise NotIdentifiedError(f"carries `{other.decode('latin-1')}` too")
    if name in head.repeated:
        raise NotIdentifiedError(f"carries `{identification.header}` twice")
    return checked_id(head.headers.get(name, b""))


def checked_id(value: bytes) -> str:
    """Return an id.

    Raises:
        NotIdentifiedError: It is empty, long, no UTF-8, or holds what is not printed.
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise NotIdentifiedError("names the subject in bytes that are not UTF-8") from None
    if not text or len(text) > MAX_SUBJECT or not text.isprintable():
        raise NotIdentifiedError(
            f"names no subject by 1 to {MAX_SUBJECT} characters that can be printed"
        )
    return text


def bearer_token(head: RequestHead) -> bytes:
    """Return the token in `Authorization`.

    Raises:
        NotIdentifiedError: There is none, or more than one.
    """
    scheme, _, token = (head.authorization() or b"").partition(b" ")
    token = token.strip(b" ")
    if scheme.lower() != b"bearer" or not token or b"authorization" in head.repeated:
        raise NotIdentifiedError("carries no single `Authorization: Bearer TOKEN`")
    return token
