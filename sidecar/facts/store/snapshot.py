"""The facts of one revision of a store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from heapq import merge

from sidecar.facts.facts import LookupKey
from sidecar.facts.indexes import view_by_key
from sidecar.facts.row_parser import Row
from sidecar.facts.spelling import spelled_id
from sidecar.facts.store.file import DamagedStoreError, StoreFile, read_meta
from sidecar.facts.store.stored_rows import (
    FoundRows,
    Holders,
    ReadableRows,
    StoredRows,
    ids_behind,
)
from sidecar.schema import Key, Schema, Value, id_of


class StoredSnapshot:
    """The facts of one revision: an open read transaction, closed with the last use of the object.

    Several threads may use it.
    """

    def __init__(self, store: StoreFile) -> None:
        """Begin to read the newest revision.

        Raises:
            StoreError: The store cannot be read, or holds no facts of its schema.
        """
        self.store = store
        self._layout = store.layout
        self._transaction = store.begin()
        meta = read_meta(self._transaction, store.layout)
        if meta is None:
            self._transaction.abort()
            raise DamagedStoreError(f"the store `{store.path}` holds no facts of this schema")
        self.meta = meta
        self.confirmed = meta.looked
        """When the source was last seen to hold these facts, on the clock of the boot."""
        self.schema: Schema = store.layout.schema
        self.revision: str = meta.revision
        self._rows: dict[str, Mapping[Key, Row]] = {}
        self._lookups: dict[tuple[str, str], Mapping[LookupKey, Row]] = {}
        self._holders: dict[tuple[str, str], Holders] = {}

    def rows(self, type_name: str) -> Mapping[Key, Row]:
        """Return the rows of a type by key; see `Facts`."""
        rows = self._rows.get(type_name)
        return self._new_rows(type_name) if rows is None else rows

    def _new_rows(self, type_name: str) -> Mapping[Key, Row]:
        layout = self._layout.types.get(type_name)
        rows = {} if layout is None else ReadableRows(self._transaction, layout)
        self._rows[type_name] = rows
        return rows

    def _stored_rows(self, type_name: str) -> StoredRows:
        return self.rows(type_name)  # type: ignore[return-value]  # of a type with a table

    def id_of(self, type_name: str, key: Key) -> str:
        """Return the id of an entity as the mount writes it; see `Facts`."""
        layout = self._layout.types.get(type_name)
        if layout is not None and not layout.has_spellings:
            return id_of(key)
        return spelled_id(self.schema, type_name, key, self._spelling_of)

    def _spelling_of(self, type_name: str, key: Key) -> str | None:
        layout = self._layout.types.get(type_name)
        encoded_key = layout and layout.encode_key(key)
        if not layout or not encoded_key:
            return None
        spelling = self._transaction.get(layout.spellings + encoded_key)
        if spelling is not None:
            return spelling.decode()
        return id_of(key) if key in self.rows(type_name) else None

    def find(self, type_name: str, lookup_name: str) -> Mapping[LookupKey, Row]:
        """Return the rows that a look-up of a type finds; see `Facts`."""
        found = self._lookups.get((type_name, lookup_name))
        return self._new_lookup(type_name, lookup_name) if found is None else found

    def _new_lookup(self, type_name: str, lookup_name: str) -> Mapping[LookupKey, Row]:
        lookup = self.schema.types[type_name].lookups[lookup_name]
        rows = self._stored_rows(lookup.finds)
        found = view_by_key(self.schema, lookup, {lookup.finds: rows})
        if found is None:
            index = next(
                each for each in self._layout.types[lookup.finds].lookups if each.lookup is lookup
            )
            found = FoundRows(self.store, self._transaction, rows, index)
        self._lookups[type_name, lookup_name] = found
        return found

    def holders(self, type_name: str, attribute: str) -> Mapping[Value, Collection[Key]]:
        """Return the keys of the rows that have each value of an attribute; see `Facts`."""
        holders = self._holders.get((type_name, attribute))
        if holders is None:
            layout, rows = self._layout.types[type_name], self._stored_rows(type_name)
            holders = Holders(self.store, self._transaction, rows, layout, attribute)
            self._holders[type_name, attribute] = holders
        return holders

    def ids(self, type_name: str, after: str = "") -> Iterator[str]:
        """Yield the ids of all entities of a type behind an id, sorted; see `Facts`."""
        layout = self._layout.types.get(type_name)
        if layout is None:
            return iter(())
        if layout.has_spellings:
            return ids_behind(self._transaction, layout.ids, after)
        ids = ids_behind(self._transaction, layout.rows, after)
        return merge(ids, ids_behind(self._transaction, layout.ids, after)) if layout.ids else ids
