"""Ids of decisions: 16 random bytes, in hexadecimal digits."""

from __future__ import annotations

import os
import struct

AT_ONCE = 256
"""Ids that are made at once: the system is asked as long for all of them as for one."""

_SIZE = 16

_made: list[bytes] = []

spare_id = _made.pop
"""Returns what `new_id` does where one is left; raises `IndexError` where none is. The method of a
list, it costs a third."""


def new_id() -> bytes:
    """Return an id that nobody has, as it is written; any number of threads may ask."""
    try:
        return spare_id()
    except IndexError:
        ids = new_ids(AT_ONCE)
        mine = ids.pop()
        _made.extend(ids)
        return mine


def new_ids(count: int) -> list[bytes]:
    """Return so many."""
    fresh = os.urandom(_SIZE * count).hex().encode()
    return list(struct.unpack(f"{2 * _SIZE}s" * count, fresh))


# Two processes would give out the same ones.
os.register_at_fork(after_in_child=_made.clear)
