"""Build a store from all rows of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from sidecar.errors import InvalidSnapshotError
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_parser import Row, Table
from sidecar.facts.store.checks import Checks
from sidecar.facts.store.encoding import encode_text
from sidecar.facts.store.file import StoreError, StoreFile
from sidecar.facts.store.incoming import (
    Incoming,
    IncomingRow,
    KeyRows,
    row_entries,
    row_items,
    stored_key_rows,
)
from sidecar.facts.store.layout import Entry, TypeLayout, link_entries, lookup_entries, needs_id
from sidecar.facts.store.stored_rows import StoredRows, rows_of
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
        files: dict[str, str] = {}
        late: set[str] = set()
        for name in self._order():
            layout = self._layout.types[name]
            table = tables.get(name) or Table(layout.declared.table, ())
            if not self._matched_types(layout) <= files.keys():
                late.add(name)
            files[name] = table.file
            incoming = Incoming(self._layout, layout, table, self._faults)
            self._write_rows(incoming, with_lookups=name not in late)
        for name, layout in self._layout.types.items():
            has_ids = needs_id(layout, has_row=True)
            if name in late or has_ids:
                self._write_dependent(name, layout, with_lookups=name in late, with_ids=has_ids)
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

    def _order(self) -> Iterator[str]:
        """Yield the types, those first whose attributes the look-ups of others match."""
        waiting = dict(self._layout.types)
        while waiting:
            free = (
                name for name, each in waiting.items() if not self._matched_types(each) & {*waiting}
            )
            name = next(free, next(iter(waiting)))
            del waiting[name]
            yield name

    def _matched_types(self, layout: TypeLayout) -> set[str]:
        """Return the types on whose rows the entries of look-ups depend, apart from its own."""
        attributes, schema = layout.declared.attributes, self._layout.schema
        steps = {step for index in layout.lookups for step in index.through}
        matched = {attributes[step].type.target for step in steps}
        if any(schema.types[name].implied for name in matched):  # these depend on further types
            return set(schema.types)
        return matched

    def _write_rows(self, incoming: Incoming, *, with_lookups: bool) -> None:
        """Write the rows of a type, and the entries of the indexes.

        Args:
            incoming: The rows.
            with_lookups: Whether all that look-ups match has been written.
        """
        rows = incoming.rows()
        while batch := list(islice(rows, BATCH)):
            first: dict[bytes, IncomingRow] = {}
            further: dict[bytes, list[IncomingRow]] = {}
            for each in batch:
                if first.setdefault(each.encoded_key, each) is not each:
                    further.setdefault(each.encoded_key, []).append(each)
            try:
                self._write_first(incoming, first, with_lookups=with_lookups)
            except _RepeatedError:
                with self._store.reading() as transaction:
                    section = incoming.layout.rows
                    stored = [key for key in first if transaction.get(section + key) is not None]
                for key in stored:
                    further.setdefault(key, []).insert(0, first.pop(key))
                self._write_first(incoming, first, with_lookups=with_lookups)
            if further:
                self._write_further(incoming, further, with_lookups=with_lookups)

    def _write_first(
        self, incoming: Incoming, rows: Mapping[bytes, IncomingRow], *, with_lookups: bool
    ) -> None:
        """Write one row for each key.

        Raises:
            _RepeatedError: The store has a row of one of the keys; nothing has been written.
        """
        layout = incoming.layout
        section, links, encode = layout.rows, layout.links, layout.codec.encode
        items: list[tuple[bytes, bytes]] = []
        entries: list[Entry] = []
        with self._store.reading() as transaction:
            lookups = self._lookups(transaction, layout) if with_lookups else None
            for encoded_key, each in rows.items():
                if each.faults or each.spelling:
                    items += row_items(layout, encoded_key, each.alone())
                else:
                    items.append((section + encoded_key, encode(each.row)))
                entries += link_entries(links, each.row, encoded_key)
                if lookups is not None:
                    entries += lookups(each.row)
        if items:
            items.sort()
            with self._store.writing() as transaction:
                self._put_new(transaction, items)
            self._put_entries(entries)

    def _lookups(
        self, transaction: Transaction, layout: TypeLayout
    ) -> Callable[[Row], list[Entry]] | None:
        if not layout.lookups:
            return None
        return lookup_entries(
            self._layout, layout.declared.name, rows_of(transaction, self._layout)
        )

    def _put_new(self, transaction: Transaction, items: list[tuple[bytes, bytes]]) -> None:
        is_behind = items[0][0] > self._last
        with transaction.cursor() as cursor:
            _, added = cursor.putmulti(items, overwrite=False, append=is_behind)
        if added < len(items):
            raise _RepeatedError
        self._last = max(self._last, items[-1][0])

    def _write_further(
        self,
        incoming: Incoming,
        rows: Mapping[bytes, list[IncomingRow]],
        *,
        with_lookups: bool,
    ) -> None:
        """Write further rows of keys that the store has a row of."""
        layout, links = incoming.layout, self._store.links
        with self._store.writing() as transaction:
            lookups = self._lookups(transaction, layout) if with_lookups else None

            def held(encoded_key: bytes, known: KeyRows) -> set[Entry]:
                entries = row_entries(layout, encoded_key, known)
                return {*entries, *(lookups(known.named) if lookups else ())}

            for encoded_key, further in rows.items():
                known = stored_key_rows(transaction, layout, further[0].key, encoded_key)
                if known is None:
                    raise StoreError("a row that was just written is missing")
                for place, _ in row_items(layout, encoded_key, known):
                    transaction.delete(place)
                for entry in held(encoded_key, known):
                    transaction.delete(*entry, db=links)
                for each in further:
                    incoming.add(known, each)
                for item in row_items(layout, encoded_key, known):
                    transaction.put(*item)
                    self._last = max(self._last, item[0])
                for entry in held(encoded_key, known):
                    transaction.put(*entry, db=links)

    # --- what depends on other rows -------------------------------------------------------------

    def _write_dependent(
        self, name: str, layout: TypeLayout, *, with_lookups: bool, with_ids: bool
    ) -> None:
        """Write ids, and the entries of look-ups, which may depend on rows of other types."""
        start = b""
        while True:
            items: list[tuple[bytes, bytes]] = []
            entries: list[Entry] = []
            with self._store.reading() as transaction:
                view, rows = View(transaction, self._layout), StoredRows(transaction, layout)
                keys = list(islice(rows.encoded_keys(start=start), BATCH))
                for key in map(layout.decode_key, keys):
                    if with_lookups:
                        entries += view.lookup_entries(name, rows[key])
                    if with_ids:
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
