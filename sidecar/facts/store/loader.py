"""Build a store from all rows of a source."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from operator import itemgetter

from sidecar.errors import InvalidSnapshotError
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_parser import Table
from sidecar.facts.store.checks import Checks
from sidecar.facts.store.encoding import encode_text
from sidecar.facts.store.file import StoreFile
from sidecar.facts.store.incoming import (
    Incoming,
    IncomingRow,
    KeyRows,
    encode_problems,
    row_entries,
    row_items,
    stored_key_rows,
)
from sidecar.facts.store.layout import Entry, TypeLayout, link_entries, needs_id
from sidecar.facts.store.stored_rows import StoredRows
from sidecar.facts.store.transactions import Transaction
from sidecar.facts.store.view import View
from sidecar.schema import Key

BATCH = 100_000
"""Rows that are sorted and written together: more need more memory."""


class _RepeatedError(Exception):
    """A key of a batch is stored already; the transaction is undone."""


class Loader:
    """Fills an empty store; nobody reads it meanwhile."""

    def __init__(self, store: StoreFile, faults: MountFaults) -> None:
        self._store = store
        self._layout = store.layout
        self._faults = faults
        self._last = b""
        """The greatest key of the database `main`."""

    def load(self, tables: Mapping[str, Table]) -> None:
        """Write all rows and indexes.

        Args:
            tables: The rows by the name of their type; a missing type has none.

        Raises:
            InvalidSnapshotError: The rows are invalid; their faults.
            StoreError: They cannot be written.
        """
        files = {}
        for name, layout in self._layout.types.items():
            table = tables.get(name) or Table(layout.declared.table, ())
            files[name] = table.file
            incoming = Incoming(self._layout, layout, table, self._faults)
            if layout.declared.current:
                self._write_key_rows(incoming)
            else:
                self._write_rows(incoming)
        for name, layout in self._layout.types.items():
            if layout.lookups or needs_id(layout, has_row=True):
                self._write_dependent(name, layout)
        for name, layout in self._layout.types.items():
            if layout.implier in self._layout.types:
                self._write_implied(name, layout)
        with self._store.writing() as transaction:
            view = View(transaction, self._layout)
            checks = Checks(self._store, transaction, view, self._faults)
            checks.check_all_references(files)
            checks.check_all_lookups(files)
            if self._layout.columns is not None:
                self._mark_dangling(transaction, view, set(checks.naming_nothing()))
        if self._faults:
            raise InvalidSnapshotError(self._faults.problems())

    def _mark_dangling(
        self, transaction: Transaction, view: View, entities: set[tuple[str, Key]]
    ) -> None:
        """Mark the rows as bad that name what does not exist."""
        for name, key in entities:
            for item in view.holding(name, key)[0].items():
                transaction.put(*item)

    # --- rows -----------------------------------------------------------------------------------

    def _write_rows(self, incoming: Incoming) -> None:
        """Write the rows of a type whose keys are unique."""
        layout, rows = incoming.layout, incoming.rows()
        encode = layout.codec.encode
        while True:
            items: dict[bytes, bytes] = {}
            spellings: list[tuple[bytes, bytes]] = []
            faults: list[tuple[bytes, bytes]] = []
            entries: list[Entry] = []
            for line, key, encoded_key, row, spelling, problems in islice(rows, BATCH):
                place = layout.rows + encoded_key
                if place in items:
                    incoming.refuse_repeated(key, line)
                    continue
                items[place] = encode(row)
                if problems:
                    items[place] = layout.codec.encode_bad(row)
                    faults.append((layout.faults + encoded_key, encode_problems(problems)))
                if spelling:
                    spellings.append((layout.spellings + encoded_key, spelling.encode()))
                entries += link_entries(layout.links, row, encoded_key)
            if not items:
                return
            self._write(sorted(items.items()), layout, incoming)
            self._put_entries(entries)
            self._put(spellings)
            self._put(faults)

    def _write(
        self, items: list[tuple[bytes, bytes]], layout: TypeLayout, incoming: Incoming
    ) -> None:
        try:
            with self._store.writing() as transaction:
                self._put_new(transaction, items)
        except _RepeatedError:
            with self._store.writing() as transaction:
                for place, encoded in items:
                    if not transaction.put(place, encoded, overwrite=False):
                        encoded_key = place[len(layout.rows) :]
                        incoming.refuse_repeated(layout.decode_key(encoded_key), 0)

    def _put_new(self, transaction: Transaction, items: list[tuple[bytes, bytes]]) -> None:
        is_behind = items[0][0] > self._last
        with transaction.cursor() as cursor:
            _, added = cursor.putmulti(items, overwrite=False, append=is_behind)
        if added < len(items):
            raise _RepeatedError
        self._last = max(self._last, items[-1][0])

    def _write_key_rows(self, incoming: Incoming) -> None:
        """Write the rows of a type whose keys may have several."""
        rows = incoming.rows()
        while batch := list(islice(rows, BATCH)):
            with self._store.writing() as transaction:
                self._write_groups(transaction, incoming, batch)

    def _write_groups(
        self, transaction: Transaction, incoming: Incoming, batch: list[IncomingRow]
    ) -> None:
        layout, links = incoming.layout, self._store.links
        groups: dict[bytes, KeyRows] = {}
        for each in batch:
            known = groups.get(each.encoded_key)
            if known is None:
                known = stored_key_rows(transaction, layout, each.key, each.encoded_key)
                if known is not None:
                    for place, _ in row_items(layout, each.encoded_key, known):
                        transaction.delete(place)
                    for entry in set(row_entries(layout, each.encoded_key, known)):
                        transaction.delete(*entry, db=links)
            if known is None:
                groups[each.encoded_key] = each.alone()
            else:
                groups[each.encoded_key] = known
                incoming.add(known, each)
        for encoded_key, known in sorted(groups.items(), key=itemgetter(0)):
            for item in row_items(layout, encoded_key, known):
                transaction.put(*item)
                self._last = max(self._last, item[0])
            for entry in row_entries(layout, encoded_key, known):
                transaction.put(*entry, db=links)

    # --- what depends on other rows -------------------------------------------------------------

    def _write_dependent(self, name: str, layout: TypeLayout) -> None:
        """Write ids, and the entries of look-ups, which may depend on rows of other types."""
        start = b""
        while True:
            items: list[tuple[bytes, bytes]] = []
            entries: list[Entry] = []
            with self._store.reading() as transaction:
                view, rows = View(transaction, self._layout), StoredRows(transaction, layout)
                keys = list(islice(rows.encoded_keys(start=start), BATCH))
                for key in map(layout.decode_key, keys):
                    if layout.lookups:
                        entries += view.lookup_entries(name, rows[key])
                    if needs_id(layout, has_row=True):
                        items.append(self._id_item(view, name, layout, key))
            if not keys:
                return
            self._put(items)
            self._put_entries(entries)
            start = keys[-1] + b"\0"

    def _write_implied(self, name: str, layout: TypeLayout) -> None:
        """Write the ids of entities that exist by implication."""
        start, implier = b"", self._layout.types[layout.implier]
        while True:
            items: list[tuple[bytes, bytes]] = []
            with self._store.reading() as transaction:
                view = View(transaction, self._layout)
                rows = StoredRows(transaction, implier)
                keys = list(islice(rows.encoded_keys(start=start), BATCH))
                for key in map(implier.decode_key, keys):
                    implied = view.implied_by(layout, key)
                    if implied is None:
                        continue
                    if needs_id(layout, has_row=implied in view.rows[name]):
                        items.append(self._id_item(view, name, layout, implied))
            if not keys:
                return
            self._put(items)
            start = keys[-1] + b"\0"

    def _id_item(self, view: View, name: str, layout: TypeLayout, key: Key) -> tuple[bytes, bytes]:
        return layout.ids + encode_text(view.id_text(name, key)), b""

    def _put(self, items: list[tuple[bytes, bytes]]) -> None:
        with self._store.writing() as transaction, transaction.cursor() as cursor:
            cursor.putmulti(sorted(items))
        if items:
            self._last = max(self._last, *(place for place, _ in items))

    def _put_entries(self, entries: list[Entry]) -> None:
        entries.sort()
        links = self._store.links
        with self._store.writing() as transaction, transaction.cursor(links) as cursor:
            cursor.putmulti(entries)


def compact(store: StoreFile, target: StoreFile) -> None:
    """Copy a store in the order of its keys: its pages become full, and none is unused."""
    for database, copied in ((store.main, target.main), (store.links, target.links)):
        with store.reading() as transaction, transaction.cursor(database) as cursor:
            items = cursor.iternext()
            while batch := list(islice(items, BATCH)):
                with target.writing() as writing, writing.cursor(copied) as copy:
                    copy.putmulti(batch, append=True)
