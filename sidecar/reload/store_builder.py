"""Build a store of all rows of a source, and let the workers see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from sidecar.errors import InvalidDocumentsError, Problem, SidecarError, SourceError
from sidecar.facts import MountFaults
from sidecar.facts.sources import Contains, Position, Source
from sidecar.facts.store.applier import apply_changes
from sidecar.facts.store.directory import LOADING, StoreDirectory, remove
from sidecar.facts.store.file import (
    Meta,
    StoreError,
    StoreFile,
    boot_id,
    read_meta,
    write_meta,
)
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.loader import Loader, compact
from sidecar.facts.store.transactions import Transaction
from sidecar.watch import elapsed


@dataclass(frozen=True, slots=True)
class Built:
    """The outcome of building a store."""

    path: Path | None
    """The store, which is yet to be published; None if there were problems."""
    problems: tuple[Problem, ...] = ()
    position: Position | None = None
    """The position of the rows that were read, if they were."""
    was_cut_off: bool = False
    """Whether the process ended too early, perhaps because it had too little memory."""


def build_store(
    stores: StoreDirectory, layout: Layout, source: Source, number: int, replaced: Meta | None
) -> Built:
    """Build a store of all rows of a source, in this process.

    Args:
        stores: The directory of the stores.
        layout: The layout of the store.
        source: The source.
        number: The number of its first revision.
        replaced: The content of the store before it, if there is one.
    """
    lineage, path = stores.building(layout.digest)
    faults, position = MountFaults(), None
    loaded = path.with_suffix(LOADING)
    try:
        store, target = None, None
        try:
            store = StoreFile(loaded, layout, writable=True)
            moment = elapsed()
            with source.read(faults) as reading:
                position = reading.position
                earlier = _earlier(replaced, reading.contains)
                moment = max(moment - reading.lag, 0.0)
                Loader(store, faults).load(reading.tables)
            target = StoreFile(path, layout, writable=True)
            compact(store, target)
            meta = Meta(
                layout=layout.digest,
                lineage=lineage,
                number=number,
                position=position.text(),
                boot=boot_id(),
                looked=moment,
                earlier=earlier,
            )
            with target.writing() as transaction:
                write_meta(transaction, meta)
        finally:
            for file in filter(None, (store, target)):
                file.close()
            remove(loaded)
        return Built(path, (), position)
    except InvalidDocumentsError as error:
        return Built(None, error.problems, position)
    except (SidecarError, OSError) as error:
        remove(path)
        return Built(None, (Problem(source.name, 0, str(error)),))


def _earlier(replaced: Meta | None, contains: Contains) -> tuple[tuple[str, int], ...]:
    """Return the revisions that a store contains of those before it."""
    if replaced is None or not contains(Position.parse(replaced.position)):
        return ()
    return replaced.lineages()


def publish_store(  # noqa: PLR0913, PLR0917  all that it needs
    stores: StoreDirectory,
    path: Path,
    layout: Layout,
    number: int,
    source: Source,
    replaced: Meta | None,
) -> tuple[Path, Meta]:
    """Let the workers see a store that was built; return its new path, and what it holds.

    Args:
        stores: The directory of the stores.
        path: The store.
        layout: Its layout.
        number: The number of its revision.
        source: The source.
        replaced: The content of the store in use, if it has taken changes while this one was built:
            facts must never become older, so this store takes them before it is seen.

    Raises:
        InvalidDocumentsError: The changes cannot be read, or do not fit.
        StoreError: The store cannot be written.
    """
    store = StoreFile(path, layout, writable=True)
    try:
        with store.writing() as transaction:
            meta = read_meta(transaction, layout)
            if meta is None:
                raise StoreError(f"the store `{path}` has been changed by somebody else")
            if replaced is not None:
                meta = _caught_up(store, transaction, meta, source, replaced)
            meta = replace(meta, number=number)
            write_meta(transaction, meta)
    finally:
        store.close()
    return stores.publish(path), meta


def _caught_up(
    store: StoreFile, transaction: Transaction, meta: Meta, source: Source, replaced: Meta
) -> Meta:
    faults, moment = MountFaults(), elapsed()
    with source.changes(Position.parse(meta.position), faults) as changes:
        if changes is None:
            message = "its changes while all rows were read are not known; they are read again"
            raise SourceError([Problem(source.name, 0, message)])
        apply_changes(store, transaction, changes.tables, faults)
        earlier = _earlier(replaced, changes.contains)
        moment = max(moment - changes.lag, 0.0)
    return replace(meta, position=changes.position.text(), looked=moment, earlier=earlier)
