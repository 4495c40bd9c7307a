"""Where the pack of a directory stands."""

from __future__ import annotations

from pathlib import Path

POLICIES, FIXTURES = "policies", "fixtures"
"""The directories of a pack."""


def nearest_pack(start: Path) -> Path | None:
    """Return the nearest directory with `policies` and `fixtures`, not beyond a git root."""
    for directory in (start, *start.parents):
        if (directory / POLICIES).is_dir() and (directory / FIXTURES).is_dir():
            return directory
        if (directory / ".git").exists():  # a file in a worktree
            return None
    return None
