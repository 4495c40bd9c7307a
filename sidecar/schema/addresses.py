"""E-mail addresses and domains: which are valid, and the one way in which each is written.

Addresses are compared after this, so two ways of writing one address must meet here, and two
addresses must never.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_LOCAL = 64
LONGEST_ADDRESS = 254
LONGEST_DOMAIN = 253

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.(?![0-9]+\Z){_LABEL}")
_ASCII_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def email(text: str) -> str | None:
    """Return the address in its one form, NFC and lower case, or None when it is not valid."""
    local, at, host = text.rpartition("@")
    if not at or domain(host) is None:
        return None
    if not local.isascii():
        plain = _plain_local(local)
        if plain is None:
            return None
        local = plain
    elif not _ASCII_EMAIL.fullmatch(local):
        return None
    local = local.lower()
    octets = len(local.encode())
    if octets > LONGEST_LOCAL or octets + 1 + len(host) > LONGEST_ADDRESS:
        return None
    return f"{local}@{host.lower()}"


def domain(text: str) -> str | None:
    """Return the domain in lower case, or None when it is not one of two labels or more."""
    if len(text) > LONGEST_DOMAIN or not _DOMAIN.fullmatch(text):
        return None
    return text.lower()


def email_domain(address: str) -> str:
    """Return the domain of a valid address."""
    return address.rpartition("@")[2]


def _plain_local(text: str) -> str | None:
    # Letters of other scripts come with marks (vowel signs), so marks are letters here. A letter
    # that lowers or composes to ASCII, such as the Kelvin sign, would make two addresses one.
    for character in text:
        if not character.isascii() and (
            unicodedata.category(character)[0] not in "LM" or _one_form(character).isascii()
        ):
            return None
    form = _one_form(text)
    ascii_like = "".join(c if c.isascii() else "a" for c in form)
    return form if _ASCII_EMAIL.fullmatch(ascii_like) else None


def _one_form(text: str) -> str:
    # Lowering can undo the composition (`İ`), so composing comes once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
