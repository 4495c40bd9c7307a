"""The watch over the files of a store: others must not change what LMDB trusts."""

from __future__ import annotations

from collections.abc import Callable

from sidecar.facts.store.file import DamagedStoreError, StoreFile
from sidecar.facts.store.pages import check_pages

PAGES_SECONDS = 5.0
"""Seconds between two checks of the pages, if these take little time."""

_PATIENCE = 100
"""How many times as long as a check of the pages the next one is put off."""


class StoreGuard:
    """Watches the files of one store; its size at each step, its pages now and then."""

    def __init__(self, store: StoreFile, clock: Callable[[], float]) -> None:
        """Prepare to watch a store whose pages have been checked."""
        self._store = store
        self._clock = clock
        self._pages_due = clock() + PAGES_SECONDS

    def require_intact(self) -> None:
        """Make sure that the store can be read.

        Raises:
            DamagedStoreError: Somebody has changed it.
        """
        if self._store.is_truncated():
            raise DamagedStoreError(f"the store `{self._store.path}` has been truncated")
        moment = self._clock()
        if moment >= self._pages_due:
            check_pages(self._store.path)
            now = self._clock()
            self._pages_due = now + max(PAGES_SECONDS, (now - moment) * _PATIENCE)
