"""Names as callers send them, and how Polar calls what they name.

Callers send `GET`, `s3:GetObject`, `ownerID`, `com.example.Doc`; whoever writes the pack cannot
choose. A name is compared exactly, as it is sent. Polar names types by its classes and attributes
by words after a dot, so those need a name of their own where theirs is no word.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 200

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What can stand after a dot in Polar."""
CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")

_SIGNS = re.compile(r"[^A-Za-z0-9]+")
_HIDDEN = frozenset({"Zl", "Zp"})


def fault_of_name(name: str) -> str:
    """Return what is wrong with a name that callers send, and how to mend it; empty if nothing.

    Two names that differ in something that nobody sees would be one name to a reviewer.
    """
    if not name:
        return "is empty; write one"
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters; shorten it"
    if name != name.strip():
        return "begins or ends with white space; remove it"
    if not unicodedata.is_normalized("NFC", name):
        return "holds a mark apart from its letter, which cannot be told from one sign; compose it"
    for character in name:
        category = unicodedata.category(character)
        blank = character.isspace() and character != " "
        if category[0] == "C" or category in _HIDDEN or blank:
            code = f"U+{ord(character):04X}"
            return f"holds the character {code}, which cannot be told from others; remove it"
    return ""


def fault_of_type_name(name: str) -> str:
    """Return what is wrong with the name of a type or an enum, and how to mend it."""
    if ":" in name:
        return "holds a `:`, at which a reference `type:id` is divided; leave it out"
    if " " in name:
        return "holds a blank; leave it out"
    return fault_of_name(name)


def fault_of_table_name(name: str) -> str:
    """Return what is wrong with the name of a table (that of its file), and how to mend it."""
    if "/" in name or "\\" in name or name.startswith("."):
        return "is no name of a file; leave out `/`, `\\` and a `.` at the beginning"
    return fault_of_name(name)


def word_of(name: str) -> str:
    """Return the word that stands for an attribute in Polar; empty where none can be derived."""
    if WORD.fullmatch(name):
        return name
    word = _SIGNS.sub("_", name).strip("_") if name.isascii() else ""
    return word if WORD.fullmatch(word) else ""


def class_of(name: str) -> str:
    """Return the class that stands for a type in Polar; empty where none can be derived."""
    words = _SIGNS.split(name) if name.isascii() else ()
    found = "".join(word[:1].upper() + word[1:] for word in words)
    return found if CLASS.fullmatch(found) else ""
