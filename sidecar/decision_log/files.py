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

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Of what is taken for a line, unless a command is told otherwise. A line repeats a few times what
a body of `--max-body-bytes` says, or names the entities of a page of a search. To read one can take
thirty times as much memory."""


def log_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files to read: before each those that were renamed from it, the oldest first."""
    found: dict[Path, None] = {}
    for path in paths:
        before = rotated_files(path) if path != STDIN and path.parent.is_dir() else []
        found |= dict.fromkeys(before)
        if not before or path.exists():
            found[path] = None
    return list(found)


def lines_of(path: Path, max_bytes: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    """Yield the lines of a file, each with its end; the last may have none.

    Args:
        path: Of the file.
        max_bytes: Of a line.

    Raises:
        UnreadableLogError: It cannot be read, or has a longer line.
    """
    number = 0
    try:
        with _opened(path) as file:
            while line := file.readline(max_bytes + 1):
                number += 1
                if len(line) > max_bytes:
                    raise UnreadableLogError(
                        f"{path}:{number}: has more than {max_bytes} bytes, and is not read; if the"
                        " sidecar wrote it, give a larger --max-line"
                    )
                yield line
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableLogError(f"`{path}` cannot be read: {reason}") from error


def _opened(path: Path) -> BufferedIOBase:
    if path == STDIN:
        return cast("BufferedIOBase", sys.stdin.buffer)
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
