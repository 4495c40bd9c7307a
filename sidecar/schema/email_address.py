"""E-mail addresses and domains: which are accepted, and the canonical form of each.

Values are compared in canonical form: the local part of an address in lower case and NFC, a domain
label by label as UTS-46 maps it, with A-labels (``xn--``) in place of other scripts.

Two questions, because a fact and a proposal are not the same:

* What the mount, a policy or an id holds is a fact. An odd address is in use all the same, so it is
  accepted as long as it has one ``@`` with something on both sides (R9).
* What a caller proposes has to be an address that somebody can be written to.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

LONGEST_PROPOSED = 320
"""Characters of an address that is looked at; the library allows fewer."""
LONGEST_MAPPED = 1024
"""Characters of a domain that UTS-46 maps; a domain has 253 at most."""
MOST_REMEMBERED = 4_096
"""Proposed addresses whose answer is remembered: the check costs some 70 microseconds."""

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""The full stops that UTS-46 takes for one."""
_HELD_DOMAIN = re.compile(r"(?!.{254})(?:[a-z0-9_-]+\.)*(?![0-9]+\Z)[a-z0-9_-]+")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PROPOSED_DOMAIN = re.compile(rf"(?!.{{254}})(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")
_SPECIAL_USE = ("arpa", "invalid", "local", "localhost", "onion", "test")
"""Last labels that name no public domain. Worlds and test systems use them, and they are syntax."""


def email(text: str) -> str | None:
    """Return the canonical form of an address that is held; None where it is none."""
    local, _, host = text.partition("@")
    if not local.strip() or not host.strip() or "@" in host or not is_unicode(text):
        return None
    host = _host(host)
    return f"{_one_form(local)}@{host}" if host else None


def domain(text: str) -> str | None:
    """Return the canonical form of a domain that is held; None where it is none."""
    host = _host(text) if is_unicode(text) else ""
    return host if _HELD_DOMAIN.fullmatch(host) else None


def proposed_email(text: str) -> str | None:
    """Return the canonical form of an address that a caller proposes; None where it is none."""
    return _proposed_email(text) if len(text) <= LONGEST_PROPOSED else None


def proposed_domain(text: str) -> str | None:
    """Return the canonical form of a domain that a caller proposes; None where it is none."""
    host = domain(text)
    return host if host and not text.endswith(".") and _PROPOSED_DOMAIN.fullmatch(host) else None


def email_domain(address: str) -> str:
    """Return the domain of an address in canonical form."""
    return address.rpartition("@")[2]


@lru_cache(maxsize=MOST_REMEMBERED)
def _proposed_email(text: str) -> str | None:
    address = email(text)
    if address is None:
        return None
    # A letter that lowers or composes to ASCII, such as the Kelvin sign, could be shown to a
    # person as another address than the one that is compared.
    local = text.partition("@")[0]
    if any(not each.isascii() and _one_form(each).isascii() for each in local):
        return None
    return address if "." in email_domain(address) and _is_valid(text) else None


def _is_valid(address: str) -> bool:
    # Imported when it is needed first: it takes longer than all that `sidecar check` does else.
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
    """Return the canonical form of a domain, the empty root label left out."""
    if text.isascii():
        return text.lower().removesuffix(".")
    if len(text) > LONGEST_MAPPED:
        return _one_form(text)
    return ".".join(map(_label, _DOTS.split(text))).removesuffix(".")


def _label(text: str) -> str:
    if not text.isascii():
        try:
            mapped = idna.uts46_remap(text, std3_rules=False)
        except idna.IDNAError:
            return _one_form(text)
        if any(each.isascii() and not (each.isalnum() or each in "-_.") for each in mapped):
            # What maps to a sign, such as a wide `@`, is no part of a domain.
            return _one_form(text)
        return ".".join(map(_a_label, mapped.split(".")))
    return text.lower()


def _a_label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"


def _one_form(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Lowering can undo the composition (`İ`), so composing comes once more.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written: half of a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
