"""Invisible characters, and those that end a line for some programs only.

A rule can hide in a comment behind a line separator: the parser ends the comment there, and the
editor does not. The files of a pack hold visible characters, spaces, tabs and line feeds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls, but tab, line feed and carriage return
    "\u2028\u2029"  # line and paragraph separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # controls of the direction of writing
    "\u00ad\u034f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff"  # without a width
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufff0-\ufffb"  # fillers and selectors
    "\ufe00-\ufe0f"  # variation selectors
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # controls of other scripts
    "\U000e0000-\U000e0fff"  # tags and more variation selectors
    "]|\r(?!\n)"
)
_STYLES = "\ufe0e\ufe0f"
"""Variation selectors of the symbol before them: common in sentences, and harmless there."""
_NAMES = {
    "\0": "null",
    "\x0b": "vertical tab",
    "\x0c": "form feed",
    "\r": "carriage return",
    "\x7f": "delete",
    "\x85": "next line",
}


@dataclass(frozen=True, slots=True)
class HiddenCharacter:
    """A refused character and its position."""

    line: int
    """1-based; only line feeds end a line."""
    column: int
    """1-based."""
    character: str

    @property
    def message(self) -> str:
        """The fault, without a mend: only the author knows what to put in its place."""
        if self.character == "\r":
            return (
                "a carriage return stands alone here"
                f" (column {self.column}); save the file with line feeds"
            )
        code, name = f"U+{ord(self.character):04X}", _name(self.character)
        return f"hidden character {code} ({name}) in column {self.column}; no reviewer can see it"


def hidden_characters(text: str) -> Iterator[HiddenCharacter]:
    """Yield every refused character of a text, which may begin with a byte order mark."""
    line = start = 0
    for match in _HIDDEN.finditer(text):
        at = match.start()
        if text[at] == "\ufeff" and at == 0:
            continue
        if text[at] in _STYLES and at and unicodedata.category(text[at - 1]) in {"So", "Sm"}:
            continue
        line += text.count("\n", start, at)
        start = at
        column = at - text.rfind("\n", 0, at)
        yield HiddenCharacter(line + 1, column, text[at])


def _name(character: str) -> str:
    return _NAMES.get(character) or unicodedata.name(character, "control character").lower()
