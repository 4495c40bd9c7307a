"""How many cases are tried by the tests that make theirs by chance: `make deep` tries more."""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("DEPTH") or 1)  # noqa: TID251  the tests' own


def deep(cases: int) -> int:
    """Return how many cases are tried where a commit is held to so many."""
    return cases * _TIMES
