"""Reading what callers send, within limits."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask import request

MAX_BODY_BYTES = 8 * 1024
MAX_TEXT = 254
"""The longest e-mail address there is; nothing else is longer."""

_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
_AMOUNT = re.compile(r"[0-9]{1,7}(\.[0-9]{1,2})?")
_PASSWORD_LENGTHS = range(12, 129)


class InputError(Exception):
    """A caller sent something that nobody can use; the message names it."""


def text(name: str, *, default: str | None = None) -> str:
    """Return a member of the body.

    Raises:
        InputError: It is missing, no text, or too long.
    """
    body = request.get_json(silent=True)
    value = body.get(name, default) if isinstance(body, dict) else default
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise InputError(f"`{name}` must be a text of at most {MAX_TEXT} characters")
    return value


def codes(name: str) -> Collection[str]:
    """Return a member of the body that lists codes; none if there is no such member.

    Raises:
        InputError: It is no list of texts.
    """
    body = request.get_json(silent=True)
    value: Any = body.get(name, []) if isinstance(body, dict) else []
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise InputError(f"`{name}` must be a list of codes")
    return frozenset(value)


def new_id(name: str = "id") -> str:
    """Return the id that a caller chooses. It holds no `/`, which joins the parts of ids.

    Raises:
        InputError: It cannot be one.
    """
    value = text(name)
    if not _ID.fullmatch(value):
        raise InputError(f"`{name}` must have 2 to 31 characters: small letters, digits and `-`")
    return value


def password() -> str:
    """Return a new password. Hashing a long one would take long, so that its length is bounded.

    Raises:
        InputError: It is too short or too long.
    """
    value = text("password")
    if len(value) not in _PASSWORD_LENGTHS:
        raise InputError("`password` must have 12 to 128 characters")
    return value


def amount(name: str) -> str:
    """Return an amount of money.

    Raises:
        InputError: It is none.
    """
    value = text(name)
    if not _AMOUNT.fullmatch(value):
        raise InputError(f"`{name}` must be written like `750.00`")
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
        raise InputError("`email` must be an e-mail address") from error
    return f"{parts.local_part}@{parts.ascii_domain}".lower()
