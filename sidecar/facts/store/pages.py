"""A check of the pages of a store, which takes milliseconds.

LMDB trusts its file. A file that was truncated, or partly overwritten, could end the processes that
map it.
"""

from __future__ import annotations

import mmap
import struct
import sys
from array import array
from pathlib import Path

from sidecar.facts.store.file import StoreError

_META_PAGES = 2
_PAGE_HEAD = struct.Struct("=QHHI")
"""Number, padding, flags, and the number of overflow pages (or the bounds of the free space)."""
_MAGIC_NUMBER = struct.Struct("=I")
_MAGIC = 0xBEEFC0DE
_META_FLAG, _OVERFLOW_FLAG = 0x08, 0x04
_LAST_PAGE_OFFSET = 16 + 24 + 2 * 48
"""Of the number of the last page, in a meta page: behind head, header and two databases."""


def check_pages(path: Path) -> None:
    """Make sure that each page of a store is where it says, and that none is missing.

    Raises:
        StoreError: The file is no intact store.
    """
    size = mmap.PAGESIZE
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            fault = _fault(content, size)
    except (OSError, ValueError) as error:
        raise StoreError(f"the store `{path}` cannot be read: {error}") from error
    if fault:
        raise StoreError(f"the store `{path}` is damaged: {fault}")


def _fault(content: mmap.mmap, size: int) -> str:
    if len(content) < _META_PAGES * size:
        return "it is too short"
    last = 0
    for page in range(_META_PAGES):
        number, _, flags, _ = _PAGE_HEAD.unpack_from(content, page * size)
        magic = _MAGIC_NUMBER.unpack_from(content, page * size + _PAGE_HEAD.size)[0]
        if number != page or not flags & _META_FLAG or magic != _MAGIC:
            return f"page {page} does not begin a store"
        place = page * size + _LAST_PAGE_OFFSET
        last = max(last, struct.unpack_from("=Q", content, place)[0])
    if len(content) < (last + 1) * size:
        return "its end is missing"
    if _are_in_place(content, size, last + 1):
        return ""
    page = _META_PAGES
    while page <= last:
        number, _, flags, following = _PAGE_HEAD.unpack_from(content, page * size)
        # A page that was reserved and never written is empty.
        if number != page and (number or flags):
            return f"page {page} has been overwritten"
        page += following if flags & _OVERFLOW_FLAG and following else 1
    return ""


def _are_in_place(content: mmap.mmap, size: int, pages: int) -> bool:
    """Return whether all pages have their numbers; a fast test, which overflow pages fail."""
    numbers = array("I", range(pages))
    if sys.byteorder != "little":
        return False
    expected = numbers.tobytes()
    end = pages * size
    return all(content[byte:end:size] == expected[byte::4] for byte in range(4))
