"""The canonical form of e-mail addresses and domains, and which of them are accepted.

Values are compared in canonical form: the local part of an address in lower case and NFC, a domain
label by label as UTS-46 maps it, with A-labels (``xn--``) in place of other scripts.

Stored and proposed values differ:

* An address in a mount, a policy or an id is a fact. It may be odd and is in use all the same, so
  it is accepted if it has one ``@`` with text on both sides (R9).
* An address that a caller proposes must be deliverable in form.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

MAX_PROPOSED_CHARACTERS = 320
"""Longest address that is checked; the library allows fewer characters."""
MAX_MAPPED_CHARACTERS = 1024
"""Longest domain that is mapped by UTS-46; a valid one has at most 253 characters."""
CACHE_SIZE = 4_096
"""Cached results for proposed addresses: a check takes some 70 microseconds."""

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""The full stops of UTS-46."""
_STORED_DOMAIN = re.compile(r"(?!.{254})(?:[a-z0-9_-]+\.)*(?![0-9]+\Z)[a-z0-9_-]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PROPOSED_DOMAIN = re.compile(rf"(?!.{{254}})(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_SPECIAL_USE = ("arpa", "invalid", "local", "localhost", "onion", "test")
"""Top-level labels without public domains. Worlds and test systems use them, so they are valid."""


def email(text: str) -> str | None:
    """Return the canonical form of a stored address; None if it is invalid."""
    local, _, host = text.partition("@")
    if not local.strip() or not host.strip() or "@" in host or not is_unicode(text):
        return None
    host = _host(host)
    return f"{_normalise(local)}@{host}" if host else None


def domain(text: str) -> str | None:
    """Return the canonical form of a stored domain; None if it is invalid."""
    host = _host(text) if is_unicode(text) else ""
    return host if _STORED_DOMAIN.fullmatch(host) else None


def proposed_email(text: str) -> str | None:
    """Return the canonical form of a proposed address; None if it is invalid."""
    return _proposed_email(text) if len(text) <= MAX_PROPOSED_CHARACTERS else None


def proposed_domain(text: str) -> str | None:
    """Return the canonical form of a proposed domain; None if it is invalid."""
    host = domain(text)
    return host if host and not text.endswith(".") and _PROPOSED_DOMAIN.fullmatch(host) else None


def email_domain(address: str) -> str:
    """Return the domain of an address in canonical form."""
    return address.rpartition("@")[2]


@lru_cache(maxsize=CACHE_SIZE)
def _proposed_email(text: str) -> str | None:
    address = email(text)
    if address is None:
        return None
    # A letter that lowers or composes to ASCII, such as the Kelvin sign, would be shown to users
    # as another address than the one that is compared.
    local = text.partition("@")[0]
    if any(not letter.isascii() and _normalise(letter).isascii() for letter in local):
        return None
    return address if "." in email_domain(address) and _is_valid(text) else None


def _is_valid(address: str) -> bool:
    # Imported on first use: the import takes longer than the rest of `sidecar check`.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    name, dot, last = address.rpartition(".")
    if dot and last.lower() in _SPECIAL_USE and "@" in name:
        address = f"{name}.test"
    try:
        validate_email(address, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return False
    return True


def _host(text: str) -> str:
    """Return the canonical form of a domain, without the empty root label."""
    if text.isascii():
        return text.lower().removesuffix(".")
    if len(text) > MAX_MAPPED_CHARACTERS:
        return _normalise(text)
    return ".".join(map(_label, _DOTS.split(text))).removesuffix(".")


def _label(text: str) -> str:
    if not text.isascii():
        try:
            mapped = idna.uts46_remap(text, std3_rules=False)
        except idna.IDNAError:
            return _normalise(text)
        if any(sign.isascii() and not (sign.isalnum() or sign in "-_.") for sign in mapped):
            # A character that maps to a sign, such as a wide `@`, is not part of a domain.
            return _normalise(text)
        return ".".join(map(_a_label, mapped.split(".")))
    return text.lower()


def _a_label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"


def _normalise(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Lower case can decompose a letter (`İ`), so compose once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def is_unicode(text: str) -> bool:
    """Return whether a text can be encoded: half of a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
