"""Where a line of a decision log stands."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where a line stands."""

    file: str
    line: int
    """From 1."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
