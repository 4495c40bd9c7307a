"""Texts that fit on a page: conditions are drawn together, and what is left over is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile

MOST_LINES = 59
_AND, _OR = "   and ", "or when "
_SHOWN = 2
"""Alternatives of one list of conditions that are shown where there is little room."""


def fitting(lines: Iterable[str], most: int, option: str) -> list[str]:
    """Return lines of conditions (`formats.indented`) that are few enough, the first ones.

    Args:
        lines: All lines.
        most: How many there may be.
        option: The option that shows all of them.
    """
    left = list(lines)
    for shorten in _STAGES:
        if len(left) > most:
            left = shorten(left)
    if len(left) <= most:
        return left
    return [*left[: most - 1], f"and {len(left) - most + 1} more lines: {option} shows them"]


def _drawn_together(lines: Sequence[str]) -> list[str]:
    """Write all that holds together in one line."""
    found: list[str] = []
    for line in lines:
        if line.startswith(_AND) and found:
            found[-1] += f" and {line.removeprefix(_AND)}"
        else:
            found.append(line)
    return found


def _first_ones(lines: Sequence[str]) -> list[str]:
    """Keep the first alternatives of each list of conditions, and count the others."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        others = list(takewhile(lambda line: line.startswith(_OR), lines[at:]))
        kept = others[: _SHOWN - 1]
        found += kept
        if len(others) > len(kept):
            found.append(f"or under {len(others) - len(kept)} more conditions")
        at += len(others)
        if at < len(lines):
            found.append(lines[at])
            at += 1
    return found


_STAGES: tuple[Callable[[Sequence[str]], list[str]], ...] = (_drawn_together, _first_ones)
