"""The files of a decision log, as the tools read them: in their order, whole lines, any size."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from sidecar.decision_log.rotation import rotated_files
from sidecar.errors import UnreadableLogError

STDIN = Path("-")

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Of what is taken for a line: far more than any has."""


def log_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files to read: before each those that were renamed from it, the oldest first."""
    found: dict[Path, None] = {}
    for path in paths:
        before = rotated_files(path) if path != STDIN and path.parent.is_dir() else []
        found |= dict.fromkeys(before)
        if not before or path.exists():
            found[path] = None
    return list(found)


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, each with its end; the last may have none.

    Raises:
        UnreadableLogError: It cannot be read, or has a line of more than `MAX_LINE_BYTES`.
    """
    try:
        with _opened(path) as file:
            while line := file.readline(MAX_LINE_BYTES):
                if len(line) == MAX_LINE_BYTES:
                    raise UnreadableLogError(f"{path}: a line has more than {MAX_LINE_BYTES} bytes")
                yield line
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableLogError(f"`{path}` cannot be read: {reason}") from error


def _opened(path: Path) -> BufferedIOBase:
    if path == STDIN:
        return cast("BufferedIOBase", sys.stdin.buffer)
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
