"""A check of the pages of a store, which takes milliseconds.

LMDB trusts its file. A file that was truncated, or partly overwritten, could end the processes that
map it, or hide rows from them. Each page begins with its number, so a page that holds something
else is noticed, unless LMDB has it among the free ones.
"""

from __future__ import annotations

import mmap
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

from sidecar.facts.store.file import DamagedStoreError

_META_PAGES = 2
_PAGE_HEAD = struct.Struct("=QHHI")
"""Number, padding, flags, and the number of overflow pages (or the bounds of the free space)."""
_PAGE_BYTES = _PAGE_HEAD.size
_MAGIC_NUMBER = struct.Struct("=I")
_MAGIC = 0xBEEFC0DE
_BRANCH_FLAG, _OVERFLOW_FLAG, _META_FLAG = 0x01, 0x04, 0x08
_META_HEAD, _DATABASE_BYTES = 24, 48
_LAST_PAGE_OFFSET = _PAGE_BYTES + _META_HEAD + 2 * _DATABASE_BYTES
"""Of the number of the last page, in a meta page, before that of the transaction."""
_FREE_ROOT_OFFSET = _PAGE_BYTES + _META_HEAD + _DATABASE_BYTES - 8
"""Of the root of the database that lists the free pages."""
_NO_ROOT = (1 << 64) - 1
_NODE = struct.Struct("=HHHH")
"""Size of the data in two parts (or the page below), flags, and size of the key."""
_BIG_DATA_FLAG = 0x01
_NUMBER, _OFFSET = struct.Struct("=Q"), struct.Struct("=H")


def check_pages(path: Path) -> None:
    """Make sure that each page in use is where it says, and that none is missing.

    Raises:
        DamagedStoreError: The file is no intact store.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            fault = _fault(content, mmap.PAGESIZE)
    except (OSError, ValueError, struct.error) as error:
        raise DamagedStoreError(f"the store `{path}` cannot be read: {error}") from error
    if fault:
        raise DamagedStoreError(f"the store `{path}` is damaged: {fault}")


def _fault(content: mmap.mmap, size: int) -> str:
    if len(content) < _META_PAGES * size:
        return "it is too short"
    newest, last, meta = -1, 0, 0
    for page in range(_META_PAGES):
        number, _, flags, _ = _PAGE_HEAD.unpack_from(content, page * size)
        magic = _MAGIC_NUMBER.unpack_from(content, page * size + _PAGE_BYTES)[0]
        if number != page or not flags & _META_FLAG or magic != _MAGIC:
            return f"page {page} does not begin a store"
        place = page * size + _LAST_PAGE_OFFSET
        its_last, transaction = struct.unpack_from("=QQ", content, place)
        if transaction > newest:
            newest, last, meta = transaction, its_last, page
    if len(content) < (last + 1) * size:
        return "its end is missing"
    misplaced = set(_misplaced(content, size, last + 1))
    if misplaced:
        misplaced -= _free_pages(content, size, meta)
    if misplaced:
        misplaced -= _overflow_pages(content, size, misplaced)
    return f"page {min(misplaced)} has been overwritten" if misplaced else ""


def _misplaced(content: mmap.mmap, size: int, pages: int) -> Iterator[int]:
    """Yield the pages that do not begin with their number."""
    numbers = array("I", range(pages))
    if sys.byteorder != "little":
        numbers.byteswap()
    expected = numbers.tobytes()
    order = range(4) if sys.byteorder == "little" else range(7, 3, -1)
    for byte, offset in enumerate(order):
        found, wanted = content[offset : pages * size : size], expected[byte::4]
        if found != wanted:
            pairs = enumerate(zip(found, wanted, strict=True))
            yield from (page for page, (one, other) in pairs if one != other)


def _free_pages(content: mmap.mmap, size: int, meta: int) -> set[int]:
    """Return the pages that are not in use."""
    free: set[int] = set()
    (root,) = _NUMBER.unpack_from(content, meta * size + _FREE_ROOT_OFFSET)
    waiting = [] if root == _NO_ROOT else [root]
    seen: set[int] = set()
    while waiting:
        page = waiting.pop()
        if page in seen:
            raise ValueError("the list of free pages is damaged")
        seen.add(page)
        start = page * size
        _, _, flags, bounds = _PAGE_HEAD.unpack_from(content, start)
        for index in range((bounds % (1 << 16) - _PAGE_BYTES) // _OFFSET.size):
            (offset,) = _OFFSET.unpack_from(content, start + _PAGE_BYTES + index * _OFFSET.size)
            low, high, node_flags, key_bytes = _NODE.unpack_from(content, start + offset)
            if flags & _BRANCH_FLAG:
                waiting.append(low | high << 16 | node_flags << 32)
                continue
            place = start + offset + _NODE.size + key_bytes
            if node_flags & _BIG_DATA_FLAG:
                place = _NUMBER.unpack_from(content, place)[0] * size + _PAGE_BYTES
            (count,) = _NUMBER.unpack_from(content, place)
            listed = content[place + _NUMBER.size : place + _NUMBER.size * (count + 1)]
            free.update(array("Q", listed))
    return free


def _overflow_pages(content: mmap.mmap, size: int, misplaced: set[int]) -> set[int]:
    """Return those of some pages that continue the page of a long value."""
    found = set()
    for page in misplaced:
        head = page
        while head in misplaced:
            head -= 1
        number, _, flags, following = _PAGE_HEAD.unpack_from(content, head * size)
        if number == head and flags & _OVERFLOW_FLAG and page < head + following:
            found.add(page)
    return found
