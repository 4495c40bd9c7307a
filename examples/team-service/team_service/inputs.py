"""Reading what callers send, within limits."""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email
from flask import request

from team_service.errors import InputError

MAX_BODY_BYTES = 8 * 1024
MAX_TEXT = 254
"""The longest e-mail address there is; nothing else is longer."""

_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
_PASSWORD_LENGTHS = range(12, 129)


def check_request() -> None:
    """Check what holds for all requests.

    A form of another site cannot send JSON, and a script of it would have to ask first.

    Raises:
        InputError: The path has characters that no id has, or what changes something is no JSON.
    """
    if not all(_is_text(value) for value in (request.view_args or {}).values()):
        raise InputError("The path names nothing.")
    if request.method != "GET" and request.mimetype != "application/json":
        raise InputError("Send JSON, with `Content-Type: application/json`.")


def member(name: str, default: object = None) -> object:
    """Return a member of the body; the default if there is none."""
    body = request.get_json(silent=True)
    return body.get(name, default) if isinstance(body, dict) else default


def text(name: str, default: str | None = None) -> str:
    """Return a member of the body that is a text. Where there is a default, it may be empty.

    Raises:
        InputError: It is missing, no text, or too long.
    """
    value = member(name, default)
    if not isinstance(value, str) or not _is_text(value) or not (value or default is not None):
        raise InputError(f"`{name}` must be a text of 1 to {MAX_TEXT} characters.")
    return value


def codes(name: str) -> frozenset[str]:
    """Return a member of the body that lists codes; none if there is no such member.

    Raises:
        InputError: It is no list of texts.
    """
    value = member(name, [])
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise InputError(f"`{name}` must be a list of codes.")
    return frozenset(value)


def new_id() -> str:
    """Return the id that a caller chooses. It holds no `/`, which joins the parts of ids.

    Raises:
        InputError: It cannot be one.
    """
    value = text("id")
    if not _ID.fullmatch(value):
        raise InputError("`id` must have 2 to 31 characters: small letters, digits and `-`.")
    return value


def password() -> str:
    """Return a new password. To hash a long one takes long, so that its length is bounded.

    Raises:
        InputError: It is too short or too long.
    """
    value = text("password")
    if len(value) not in _PASSWORD_LENGTHS:
        raise InputError("`password` must have 12 to 128 characters.")
    return value


def canonical_email(value: str) -> str:
    """Return an address as it is stored, so that two spellings of one address are one person.

    Raises:
        InputError: It is no address.
    """
    try:
        parts = validate_email(
            value, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False
        )
    except EmailNotValidError as error:
        raise InputError("`email` must be an e-mail address.") from error
    return f"{parts.local_part}@{parts.ascii_domain}".lower()


def _is_text(value: str) -> bool:
    """Return whether a database can hold it: neither NUL nor half of a surrogate pair."""
    return len(value) <= MAX_TEXT and value.isprintable()
