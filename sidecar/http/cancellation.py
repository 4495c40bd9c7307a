"""Cancelling work whose response nobody waits for any more.

Threads cannot be interrupted, so code that can run for long calls `check` every now and then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_current = threading.local()


class CancelledError(Exception):
    """The client has left, or has been told that its response took too long."""


@contextmanager
def cancellable(is_cancelled: Callable[[], bool]) -> Iterator[None]:
    """Let `check` raise in this thread, within the block, once `is_cancelled` is true."""
    _current.is_cancelled = is_cancelled
    try:
        yield
    finally:
        del _current.is_cancelled


def check() -> None:
    """Go on, unless nobody waits for the response any more.

    Raises:
        CancelledError: Nobody does.
    """
    is_cancelled = getattr(_current, "is_cancelled", None)
    if is_cancelled is not None and is_cancelled():
        raise CancelledError
