"""The facts of a server: in dictionaries of each worker, or in a store for all of them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sidecar.compiler import SharedCompiling, compile_cached
from sidecar.config.settings import Settings
from sidecar.config.source_mapping import mapping_file
from sidecar.engine import prepare_kinds
from sidecar.facts.sources import Source, source_of
from sidecar.facts.store.directory import StoreDirectory
from sidecar.metrics import Counters
from sidecar.reload import (
    BundlePlaces,
    Follower,
    MappedSource,
    Pack,
    Places,
    Reloading,
    SharedLooks,
    SharedPair,
    StoredReloading,
)
from sidecar.server.follower_process import FollowerProcess

LARGE_BYTES = 16 << 20
"""Of a directory whose facts are kept in a store; there are some 200,000 rows in it."""

_LINES = ".jsonl"


def facts_of(
    settings: Settings, counters: Counters
) -> tuple[Reloading | StoredReloading, FollowerProcess | None]:
    """Return the pairs of the workers, and the process that keeps a store, if there is one.

    Args:
        settings: Of the operator.
        counters: Count what is used and refused.

    Raises:
        InvalidDocumentsError: The policy cannot be used.
        StoreError: There is no place for a store.
    """
    if not uses_store(settings):
        places = _places(settings)
        reloading = Reloading(places, prepare_kinds, shared=SharedPair(), counters=counters)
        reloading.prepare()
        return reloading, None
    stores, looks = StoreDirectory.claim(_store_path(settings)), SharedLooks()
    source = _places(settings).source()
    if isinstance(settings.data, str) and (settings.sources or not settings.bundle):
        source = MappedSource(source, mapping_file(settings))
    stored = StoredReloading(
        source,
        stores,
        looks,
        SharedPair(),
        prepare_kinds,
        takes_bad_rows=_takes_bad_rows(settings),
        counters=counters,
    )
    stored.prepare()
    data = settings.data if isinstance(settings.data, str) else str(settings.mount())

    def source_for(pack: Pack) -> Source:
        return source_of(data, pack.policy.schema, pack.mapping)

    def follower() -> Follower:
        stored.use_shared_pack()
        return Follower(stored.packs, stores, source_for, looks)

    return stored, FollowerProcess(follower, settings.reload_seconds)


def uses_store(settings: Settings) -> bool:
    """Return whether the facts are kept in a store: a database, JSON Lines or a large directory."""
    if isinstance(settings.data, str):
        return True
    try:
        files = list(settings.mount().iterdir())
        return any(file.suffix == _LINES for file in files) or (
            sum(file.stat().st_size for file in files if file.is_file()) > LARGE_BYTES
        )
    except OSError:
        return False  # it is waited for


def _places(settings: Settings) -> Places | BundlePlaces:
    mount = Path() if isinstance(settings.data, str) else settings.mount()
    if settings.bundle is not None:
        return BundlePlaces(settings.bundle, mount, _takes_bad_rows(settings))
    compiling = SharedCompiling() if hasattr(os, "memfd_create") else compile_cached
    takes_bad_rows = _takes_bad_rows(settings)
    return Places(settings.policies, settings.fixtures, mount, compiling, takes_bad_rows)


def _takes_bad_rows(settings: Settings) -> bool:
    return settings.bad_rows == "deny"


def _store_path(settings: Settings) -> Path:
    if settings.store is not None:
        return settings.store
    return Path(tempfile.gettempdir()) / f"sidecar-{os.geteuid()}"
