"""The line with a hash that stands last in the files of a log, whoever has written it.

The first line of a chain names it, so that nobody can remove what was there before as a whole: all
lines of a start of the sidecar, or the end of its last chain.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from sidecar.decision_log.rotation import rotated_files

BLOCK_BYTES = 64 * 1024
"""What is read at once, from the end of a file on."""

MOST_BLOCKS = 256
"""Of a file, likewise. Each write ends with a hash, so that one block is enough, but for what is
left of a write that failed."""

_BEGIN = re.compile(
    rb'\{"chain":"([0-9a-f]{16}\.[1-9][0-9]{0,9})","sequence":([1-9][0-9]{0,17}),[^\n]*'
    rb',"(?:hash|mac)":"([0-9a-f]{64})"\}\Z'
)


class Predecessor(Struct, frozen=True):
    """A line with a hash."""

    chain: str
    sequence: int
    """Its number in the chain."""
    hash: str
    """In hexadecimal digits."""


def predecessor_in(path: Path) -> Predecessor | None:
    """Return the last line with a hash in a file, or in those that were renamed from it.

    None where there is none, or none that can be read; compressed files are not looked at.
    """
    with suppress(OSError):
        if found := _last_in(path):
            return found
    with suppress(OSError):
        for each in reversed(rotated_files(path)):
            if each.suffix == ".gz":
                break
            if found := _last_in(each):
                return found
    return None


def _last_in(path: Path) -> Predecessor | None:
    if not path.exists() or not stat.S_ISREG(path.stat().st_mode):
        return None
    for line in _lines_from_the_end(path):
        if match := _BEGIN.match(line):
            return Predecessor(match[1].decode(), int(match[2]), match[3].decode())
    return None


def _lines_from_the_end(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their ends, the last at first."""
    with path.open("rb") as file:
        at = file.seek(0, os.SEEK_END)
        rest = b""
        for _ in range(MOST_BLOCKS):
            if not at:
                yield rest
                return
            size = min(BLOCK_BYTES, at)
            at = file.seek(at - size)
            first, *lines = (file.read(size) + rest).split(b"\n")
            yield from reversed(lines)
            rest = first
