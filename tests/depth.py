"""How many cases are tried by the tests that make theirs by chance: `make deep` tries more."""

from __future__ import annotations

import os

_DEPTH = os.environ.get("DEPTH")  # noqa: TID251  the tests' own


def deep(cases: int, *, quick: int | None = None) -> int:
    """Return how many cases are tried.

    Args:
        cases: The cases at depth 1; `make deep` tries so many times `DEPTH`.
        quick: The cases of `make test`, where fewer hold a commit to the same.
    """
    if _DEPTH:
        return cases * int(_DEPTH)
    return cases if quick is None else quick
