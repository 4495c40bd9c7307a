"""The file of a store: an LMDB environment, and the record that says what it holds.

There is one writer. A reader begins a transaction, which is an immutable view of one revision, and
keeps it no longer than a request: pages that a view may still read are not used again.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import lmdb
import msgspec

from sidecar.errors import SidecarError
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.transactions import Transaction

MAP_BYTES = 1 << 36
"""Address space that is reserved for a store; it takes no memory. It is a bound of its size."""

MAX_READERS = 1024
"""Read transactions at once, in all processes."""

_META = b"\0\0meta"
_DAMAGES = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.PanicError,
    lmdb.BadTxnError,  # after one of the others
)
"""What LMDB says where a page is not what it should be."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class StoreError(SidecarError):
    """A store cannot be read or written; it is built anew, or its disk needs room."""


class DamagedStoreError(StoreError):
    """The file of a store was changed by somebody else; it is built anew."""


class Meta(msgspec.Struct, frozen=True):
    """What a store holds."""

    layout: str
    """The digest of the layout, and so of schema and format."""
    lineage: str
    """Hexadecimal digits that name the building of this store, first the time."""
    number: int
    """Counts the revisions of the sidecar's stores."""
    position: str
    """The position of the source, as text."""
    boot: str
    """The boot of the machine: commits are not forced to the disk, so that a store that was
    written before a crash of the machine cannot be trusted."""
    looked: float
    """When the source was last seen to hold these facts, on the clock of the boot."""
    earlier: tuple[tuple[str, int], ...] = ()
    """The lineages of the stores before this one, each with the number of its last revision that
    these facts contain. Later ones, if there were any, were lost: they are not reached."""

    @property
    def revision(self) -> str:
        """The revision of the facts: revisions of one lineage are in the order of their texts."""
        return f"{self.lineage}{self.number:010x}"

    def contains(self, revision: str) -> bool:
        """Return whether the facts are of a revision, or of one that followed it."""
        lineage, number = revision[:LINEAGE_DIGITS], int(revision[LINEAGE_DIGITS:], 16)
        known = ((self.lineage, self.number), *self.earlier)
        return any(lineage == each and number <= last for each, last in known)

    def lineages(self) -> tuple[tuple[str, int], ...]:
        """Return what a store after this one has as `earlier`, if nothing is lost."""
        return (*self.earlier, (self.lineage, self.number))[-MAX_EARLIER:]


LINEAGE_DIGITS = 16
MAX_EARLIER = 100
"""Lineages that are kept."""


def lock_path(path: Path) -> Path:
    """Return the file beside a store in which LMDB keeps its readers."""
    return Path(f"{path}-lock")


def boot_id() -> str:
    """Return the identity of the present boot; empty where the system has none."""
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""


class StoreFile:
    """An open store. Open it in the process that uses it: it does not survive a fork."""

    def __init__(self, path: Path, layout: Layout, *, writable: bool = False) -> None:
        """Open or, if it may be written, create a store.

        Raises:
            StoreError: The file cannot be opened, or is no store.
        """
        self.path = path
        self.layout = layout
        self._lock = lock_path(path)
        with translated(path):
            self.environment = lmdb.open(
                str(path),
                map_size=MAP_BYTES,
                subdir=False,
                readonly=not writable,
                create=writable,
                sync=False,
                readahead=False,
                max_dbs=2,
                max_readers=MAX_READERS,
                max_spare_txns=4,
            )
            try:
                self.main = self.environment.open_db(b"main", create=writable)
                self.links = self.environment.open_db(b"links", dupsort=True, create=writable)
            except BaseException:
                self.environment.close()
                raise
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        # A descriptor of the lock would be fatal: closing it ends all locks of the process.
        self._opened = self._present_files()
        self._sizes = (0, 0)
        self.is_truncated()

    def is_truncated(self) -> bool:
        """Return whether one of the files is shorter than before: to read it would end the process.

        It may be shortened by somebody else only; LMDB never does.
        """
        size, lock_size = os.fstat(self._descriptor).st_size, self._sizes[1]
        with suppress(OSError):
            status = self._lock.stat()
            if status.st_ino == self._opened[1]:
                lock_size = status.st_size
        known, self._sizes = self._sizes, (size, lock_size)
        return size < known[0] or lock_size < known[1]

    def is_in_place(self) -> bool:
        """Return whether a process that opens the store now gets the same files."""
        return self._present_files() == self._opened

    def _present_files(self) -> tuple[int, int]:
        """Return the inodes of the store and of its lock; 0 for what does not exist."""
        inodes = [0, 0]
        for index, path in enumerate((self.path, self._lock)):
            with suppress(OSError):
                inodes[index] = path.stat().st_ino
        return inodes[0], inodes[1]

    def close(self) -> None:
        """Close the store; no transaction may be open."""
        self.environment.close()

    def begin(self) -> Transaction:
        """Begin a read transaction, which several threads may use.

        Raises:
            StoreError: The store cannot be read.
        """
        with translated(self.path):
            transaction = cast("Transaction", self.environment.begin(db=self.main))
            # The first access to a database reads its root into the transaction.
            transaction.get(b"\0")
            transaction.get(b"\0", db=self.links)
            return transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a read transaction for the duration of a context."""
        transaction = self.begin()
        try:
            yield transaction
        finally:
            transaction.abort()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a write transaction: committed at the end, without effect after an error.

        Raises:
            StoreError: The store cannot be written.
        """
        with translated(self.path), self.environment.begin(write=True, db=self.main) as transaction:
            yield cast("Transaction", transaction)


def read_meta(transaction: Transaction, layout: Layout) -> Meta | None:
    """Return what a store holds; None if it is empty, or holds facts of another layout."""
    encoded = transaction.get(_META)
    if encoded is None:
        return None
    try:
        meta = msgspec.msgpack.decode(encoded, type=Meta)
    except msgspec.DecodeError:
        return None
    return meta if meta.layout == layout.digest else None


def write_meta(transaction: Transaction, meta: Meta) -> None:
    """Record what a store holds."""
    transaction.put(_META, msgspec.msgpack.encode(meta))


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Make the errors of LMDB ours."""
    try:
        yield
    except _DAMAGES as error:
        raise DamagedStoreError(f"the store `{path}` is damaged: {error}") from error
    except lmdb.Error as error:
        raise StoreError(f"the store `{path}` cannot be used: {error}") from error
