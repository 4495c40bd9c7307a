"""Ids of decisions: 16 random bytes, in hexadecimal digits."""

from __future__ import annotations

import os
import struct

AT_ONCE = 256
"""Ids that are made at once: the system is asked as long for all of them as for one."""

_SIZE = 16

_made: list[str] = []


def new_id() -> str:
    """Return an id that nobody has; any number of threads may ask."""
    try:
        return _made.pop()
    except IndexError:
        ids = [each.decode() for each in new_ids(AT_ONCE)]
        mine = ids.pop()
        _made.extend(ids)
        return mine


def new_ids(count: int) -> list[bytes]:
    """Return so many ids, as they are written."""
    fresh = os.urandom(_SIZE * count).hex().encode()
    return list(struct.unpack(f"{2 * _SIZE}s" * count, fresh))


# Two processes would give out the same ones.
os.register_at_fork(after_in_child=_made.clear)
