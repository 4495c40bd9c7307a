"""Names in requests, and the names of types and attributes in Polar.

Callers send `GET`, `s3:GetObject`, `ownerID`, `com.example.Doc`, and authors of packs cannot choose
these names. Names are compared exactly. In Polar, types are classes and attributes are words after
a dot, so names of another form need a second name there.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_CHARACTERS = 200

WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""An attribute in Polar."""
CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")

_SIGNS = re.compile(r"[^A-Za-z0-9]+")
_HIDDEN = frozenset({"Zl", "Zp"})


def fault_of_name(name: str) -> str:
    """Return the fault of a name in requests and its mend, or an empty text.

    Names that differ only in invisible characters would look equal to a reviewer.
    """
    if not name:
        return "is empty; write one"
    if len(name) > MAX_NAME_CHARACTERS:
        return f"is longer than {MAX_NAME_CHARACTERS} characters; shorten it"
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
    """Return the fault of the name of a type or an enum and its mend, or an empty text."""
    if ":" in name:
        return "holds a `:`, at which a reference `type:id` is divided; leave it out"
    if " " in name:
        return "holds a blank; leave it out"
    return fault_of_name(name)


def fault_of_table_name(name: str) -> str:
    """Return the fault of the name of a table, and so of its file, or an empty text."""
    if "/" in name or "\\" in name or name.startswith("."):
        return "is no name of a file; leave out `/`, `\\` and a `.` at the beginning"
    return fault_of_name(name)


def word_of(name: str) -> str:
    """Return the name of an attribute in Polar; empty if none can be derived."""
    if WORD.fullmatch(name):
        return name
    word = _SIGNS.sub("_", name).strip("_") if name.isascii() else ""
    return word if WORD.fullmatch(word) else ""


def class_of(name: str) -> str:
    """Return the class of a type in Polar; empty if none can be derived."""
    words = _SIGNS.split(name) if name.isascii() else ()
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if CLASS.fullmatch(name) else ""
