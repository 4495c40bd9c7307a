"""How faults speak of what a person wrote: shown in backticks, with the nearest right name."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

LONGEST_SHOWN = 60
MOST_LISTED = 20
LONG_NAME = 6
"""Letters of a name in which two slips can be told from another name."""
MOST_COMPARED = 1_000
"""Comparing a slip with each of a million ids would take longer than reading them."""


_PLAIN = re.compile(r"[^\s\"'`,;(){}\[\]|]+")
_WORDS_OF_OURS = frozenset({"and", "or", "not", "true", "false"})


def in_line(name: str) -> str:
    """Return a name as it stands among words: quoted where it could be taken for other words."""
    plain = _PLAIN.fullmatch(name) and name not in _WORDS_OF_OURS
    return name if plain else quoted(name)


def quoted(text: str) -> str:
    """Return a text in quotes, as Polar and YAML read it back."""
    return json.dumps(text, ensure_ascii=False)


def shown(text: str) -> str:
    """Return `text` in backticks, on one line, cut where it is long."""
    short = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    line = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in short
    )
    return f"`{line}`"


def close_match(text: str, names: Collection[str]) -> str | None:
    """Return the name of which `text` is a slip: a letter or two are wrong, and no more.

    Names that only resemble each other mean different things; nobody should follow such advice.
    """
    for match in get_close_matches(text, names, n=3):
        if _edits(text, match) <= (1 if len(match) < LONG_NAME else 2):
            return match
    lowered = {name.lower(): name for name in names}  # `get` has no letter of `GET`
    for match in get_close_matches(text.lower(), lowered, n=3):
        if _edits(text.lower(), match) <= (1 if len(match) < LONG_NAME else 2):
            return lowered[match]
    return None


def _edits(left: str, right: str) -> int:
    """Return how many letters are too many, missing, wrong or swapped."""
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
    """Return ``; did you mean `x`?`` for the name that resembles `text` most, or nothing."""
    if len(names) > MOST_COMPARED or len(text) > LONGEST_SHOWN:
        return ""
    match = close_match(text, names)
    return f"; did you mean {shown(match)}?" if match else ""


def one_of(names: Iterable[str]) -> str:
    """Return the names in the order given, cut where they are many."""
    listed = list(names)
    rest = len(listed) - MOST_LISTED
    return ", ".join(listed[:MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")
