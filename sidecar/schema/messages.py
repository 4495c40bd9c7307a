"""Wording of faults: user input in backticks, lists of names, and the nearest valid name."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

LONGEST_SHOWN = 60
MOST_LISTED = 20
LONG_NAME = 6
"""Letters of a name in which two wrong letters are a misspelling and not another name."""
MOST_COMPARED = 1_000
"""Names that are compared: comparing with a million ids would take longer than reading them."""


_PLAIN = re.compile(r"[^\s\"'`,;(){}\[\]|]+")
_KEYWORDS = frozenset({"and", "or", "not", "true", "false"})


def in_line(name: str) -> str:
    """Return a name for use in a sentence: quoted if it could be taken for other words."""
    plain = _PLAIN.fullmatch(name) and name not in _KEYWORDS
    return name if plain else quoted(name)


def quoted(text: str) -> str:
    """Return a text in double quotes, in the syntax of Polar and YAML."""
    return json.dumps(text, ensure_ascii=False)


def shown(text: str) -> str:
    """Return a text in backticks, on one line, shortened if it is long."""
    short = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    line = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in short
    )
    return f"`{line}`"


def close_match(text: str, names: Collection[str]) -> str | None:
    """Return the name that `text` misspells by one or two letters; None if there is none.

    Names that differ in more letters mean different things, and would be bad advice.
    """
    for match in get_close_matches(text, names, n=3):
        if _edits(text, match) <= (1 if len(match) < LONG_NAME else 2):
            return match
    lowered = {name.lower(): name for name in names}  # `get` and `GET` have no letter in common
    for match in get_close_matches(text.lower(), lowered, n=3):
        if _edits(text.lower(), match) <= (1 if len(match) < LONG_NAME else 2):
            return lowered[match]
    return None


def _edits(left: str, right: str) -> int:
    """Return the edit distance, in which swapped letters count once."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for at, letter in enumerate(left, 1):
        older, before, row = before, row, [at]
        for to, other in enumerate(right, 1):
            least = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == right[to - 2] and left[at - 2] == other:
                least = min(least, older[to - 2] + 1)
            row.append(least)
    return row[-1]


def nearest(text: str, names: Collection[str]) -> str:
    """Return ``; did you mean `x`?`` for the name that `text` misspells, or an empty text."""
    if len(names) > MOST_COMPARED or len(text) > LONGEST_SHOWN:
        return ""
    match = close_match(text, names)
    return f"; did you mean {shown(match)}?" if match else ""


def one_of(names: Iterable[str]) -> str:
    """Return the names in the given order, the first ones if there are many."""
    listed = list(names)
    rest = len(listed) - MOST_LISTED
    return ", ".join(listed[:MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")
