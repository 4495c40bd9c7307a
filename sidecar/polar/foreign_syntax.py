"""Signs and words of other languages, and what Polar has in their place.

A mend is named only where one thing can be meant.
"""

from __future__ import annotations

import re
import unicodedata

ABSENT_WORDS = frozenset({"nil", "null", "Null", "NULL", "None", "undefined"})
"""Words of this and of other languages for what is not there."""
TRUTH_WORDS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
"""Words of other languages for what is true and what is false."""
ARITHMETIC = "arithmetic on facts cannot be compiled; put the number into the settings"
"""Why there are no sums, and what to do instead."""

FOREIGN_SIGN = re.compile(
    r"&&|\|\||===|!==|<>|=>|=<|->|:-|//|/\*|--|<!--|\\==|\\=|\\\+|\*\*|!(?!=)|[&|'`~%@$^?\\]"
)
_INSTEAD = {
    "&&": "write `and`",
    "||": "write `or`",
    "===": "write `=`",
    "!==": "write `!=`",
    "<>": "write `!=`",
    "\\=": "write `!=`",
    "\\==": "write `!=`",
    "=<": "write `<=`",
    ":-": "write `if`",
    "//": "a comment begins with `#`",
    "/*": "each line of a comment begins with `#`",
    "--": "a comment begins with `#`",
    "<!--": "each line of a comment begins with `#`",
    "'": 'strings stand in `"..."`',
    "`": 'strings stand in `"..."`',
}
"""Signs of other languages, and what Polar has for them; what is left out could mean several."""
_NEGATIONS = frozenset({"!", "~", "\\+"})
_LETTERS = {"≠": "!=", "≤": "<=", "≥": ">=", "∧": "and", "\u2228": "or", "¬": "not"}
"""Signs beyond ASCII, which Oso takes for letters of a name."""

_WORDS_INSTEAD = {
    "is": "=",
    "eq": "=",
    "equals": "=",
    "ne": "!=",
    "and": "and",
    "or": "or",
    "in": "in",
    "if": "if",
    "when": "if",
    "where": "if",
    **_LETTERS,
}
"""Words that other languages have between two values, in lower case, and what Polar has there."""
ALTERNATIVES = frozenset({"else", "elif", "elsif", "elseif", "otherwise"})
"""Words for what holds otherwise; Polar has rules of the same name."""
STRAY_WORDS = frozenset({"return", "then", "def", "rule", "import", "let", "var", "const"})
"""Words that other languages begin a statement or a part of it with."""
_LONGEST = 60
"""Characters of a list that are shown in a message."""


def sign_message(sign: str, column: int, *, at_start: bool, before_condition: bool) -> str | None:
    """Return what is wrong with a sign, None for one that only `foreign_character` can name.

    Args:
        sign: As `FOREIGN_SIGN` finds it.
        column: Where it begins in its line, 1-based.
        at_start: Whether it begins a statement.
        before_condition: Whether a condition can stand there.
    """
    mend = _INSTEAD.get(sign, "")
    if sign in _NEGATIONS:
        mend = "write `not`" if before_condition else ""
    elif sign == "%":
        mend = "a comment begins with `#`" if at_start else ""
    elif len(sign) == 1 and not mend and sign != "&":
        return None
    shown = "a backtick" if sign == "`" else f"`{sign}`"
    return f"{shown} has no meaning in Polar (column {column}){mend and f'; {mend}'}"


def word_instead(word: str) -> str | None:
    """Return what Polar has between two values in place of a word or a sign, if it has anything."""
    return _WORDS_INSTEAD.get(word.lower())


def foreign_character(text: str, position: int) -> str:
    """Return what is wrong with a character that has no meaning in Polar.

    Args:
        text: The whole file.
        position: Where the character stands in it.
    """
    character = text[position]
    column = position - text.rfind("\n", 0, position)
    called = unicodedata.name(character, "a character without a name").lower()
    if "quotation mark" in called:
        mend = '; write `"` instead'
    else:
        mend = f"; write `{_LETTERS[character]}`" if character in _LETTERS else ""
    return f"`{character}` ({called}) has no meaning in Polar here (column {column}){mend}"


def bracketed_list(written: str) -> str:
    """Return what is wrong with a list in the brackets of another language.

    Args:
        written: What stands in the brackets.
    """
    shown = written if len(written) <= _LONGEST else "…"
    return f"this is no list; a list is written `[{shown}]`"
