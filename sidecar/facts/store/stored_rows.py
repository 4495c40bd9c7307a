"""The rows and indexes of a store, as mappings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from msgspec import DecodeError

from sidecar.facts.bad_rows import bad_row
from sidecar.facts.facts import LookupKey, RowMapping
from sidecar.facts.row_parser import Row, reader_of
from sidecar.facts.store.encoding import encode_lookup_key, encode_text, encode_values
from sidecar.facts.store.file import StoreFile
from sidecar.facts.store.layout import Layout, Link, LookupIndex, TypeLayout
from sidecar.facts.store.transactions import Transaction
from sidecar.schema import Key, Value


class StoredRows(RowMapping[Key]):
    """The rows of one type, by key, sorted by id; the bad ones too."""

    __slots__ = ("_decode", "_encode", "_get", "_layout", "_section", "_transaction")

    def __init__(self, transaction: Transaction, layout: TypeLayout) -> None:
        self._transaction = transaction
        self._layout = layout
        self._get = transaction.get
        self._section = layout.rows
        self._encode = layout.encode_key
        self._decode = layout.codec.decode

    def get(self, key: Key, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row of a key."""
        encoded_key = self._encode(key)
        if encoded_key is None:
            return default
        encoded = self._get(self._section + encoded_key)
        if encoded is None:
            return default
        try:
            return self._decode(key, encoded)
        except DecodeError:
            return self._bad_row(key, encoded)

    def _bad_row(self, key: Key, encoded: bytes) -> Row:
        return self._layout.codec.decode_any(key, encoded)

    def __contains__(self, key: object) -> bool:
        encoded_key = self._encode(key)
        return encoded_key is not None and self._get(self._section + encoded_key) is not None

    def __iter__(self) -> Iterator[Key]:
        return map(self._layout.decode_key, self.encoded_keys())

    def __len__(self) -> int:
        return sum(1 for _ in self.encoded_keys())

    def items(self) -> Iterator[tuple[Key, Row]]:  # type: ignore[override]  # a pass through the store
        """Yield each key with its row."""
        for encoded_key, encoded in section_items(self._transaction, self._section):
            key = self._layout.decode_key(encoded_key)
            yield key, self._layout.codec.decode_any(key, encoded)

    def values(self) -> Iterator[Row]:  # type: ignore[override]  # a pass through the store
        """Yield the rows."""
        return (row for _, row in self.items())

    def encoded_keys(self, prefix: bytes = b"", start: bytes = b"") -> Iterator[bytes]:
        """Yield the encoded keys with a prefix, from `start` on."""
        with self._transaction.cursor() as cursor:
            place, skipped = self._section + prefix, len(self._section)
            found = cursor.set_range(max(place, self._section + start))
            while found and (key := cursor.key()).startswith(place):
                yield key[skipped:]
                found = cursor.next()


class ReadableRows(StoredRows):
    """The same for the engine, which may not read the bad ones."""

    __slots__ = ()

    def _bad_row(self, key: Key, encoded: bytes) -> Row:  # noqa: ARG002 - whatever it is
        raise bad_row(self._layout.declared, key)


class HeldKeys(Collection[Key]):
    """The keys of the rows that have one value, in an index."""

    __slots__ = ("_key", "_layout", "_links", "_transaction")

    def __init__(
        self, transaction: Transaction, links: object, layout: TypeLayout, key: bytes
    ) -> None:
        self._transaction = transaction
        self._links = links
        self._layout = layout
        self._key = key

    def __iter__(self) -> Iterator[Key]:
        with self._transaction.cursor(self._links) as cursor:
            if cursor.set_key(self._key):
                yield from map(self._layout.decode_key, cursor.iternext_dup())

    def __len__(self) -> int:
        with self._transaction.cursor(self._links) as cursor:
            return cursor.count() if cursor.set_key(self._key) else 0

    def __contains__(self, key: object) -> bool:
        encoded = self._layout.encode_key(key)
        with self._transaction.cursor(self._links) as cursor:
            return encoded is not None and cursor.set_key_dup(self._key, encoded)


class LeadingKeys(Collection[Key]):
    """The keys of several columns that begin with one value."""

    __slots__ = ("_layout", "_prefix", "_rows")

    def __init__(self, rows: StoredRows, layout: TypeLayout, value: str) -> None:
        self._rows = rows
        self._layout = layout
        self._prefix = encode_text(value) + b"/"

    def __iter__(self) -> Iterator[Key]:
        return map(self._layout.decode_key, self._rows.encoded_keys(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self._rows.encoded_keys(self._prefix))

    def __contains__(self, key: object) -> bool:
        encoded = self._layout.encode_key(key)
        return encoded is not None and encoded.startswith(self._prefix) and key in self._rows


class Holders(Mapping[Value, Collection[Key]]):
    """The keys of the rows that have each value of an attribute."""

    __slots__ = ("_attribute", "_layout", "_link", "_rows", "_store", "_transaction")

    def __init__(
        self, store: StoreFile, transaction: Transaction, rows: StoredRows,
        layout: TypeLayout, attribute: str,
    ) -> None:  # fmt: skip
        self._store = store
        self._transaction = transaction
        self._rows = rows
        self._layout = layout
        self._attribute = attribute
        found = (link for link in layout.links if link.attribute.name == attribute)
        self._link: Link | None = next(found, None)

    def get(self, value: Value, default: Collection[Key] | None = None) -> Collection[Key] | None:  # type: ignore[override]
        """Return the keys of the rows that have a value."""
        return self._find(value) or default

    def __getitem__(self, value: Value) -> Collection[Key]:
        if found := self._find(value):
            return found
        raise KeyError(value)

    def _find(self, value: Value) -> Collection[Key]:
        key = self._layout.declared.key
        if value is None or isinstance(value, frozenset):
            return ()
        if self._link is not None:
            place = self._link.section + encode_values((value,))
            return HeldKeys(self._transaction, self._store.links, self._layout, place)
        if self._attribute == self._layout.leading:
            is_part = isinstance(value, str) and "/" not in value
            return LeadingKeys(self._rows, self._layout, str(value)) if is_part else ()
        if key == (self._attribute,):
            return (value,) if value in self._rows else ()  # type: ignore[return-value]  # it is a key
        return tuple(key for key, row in self._rows.items() if self._has(row, value))

    def _has(self, row: Row, value: Value) -> bool:
        held = reader_of(self._layout.declared, self._attribute)(row)
        return value in held if isinstance(held, frozenset) else value == held

    def __iter__(self) -> Iterator[Value]:
        """Yield the values, by a pass through all rows."""
        read, seen = reader_of(self._layout.declared, self._attribute), set[Value]()
        for row in self._rows.values():
            value = read(row)
            for member in value if isinstance(value, frozenset) else (value,):
                if member is not None and member not in seen:
                    seen.add(member)
                    yield member

    def __len__(self) -> int:
        return sum(1 for _ in self)


class FoundRows(RowMapping[LookupKey]):
    """The rows that a look-up finds, by an index."""

    __slots__ = ("_arity", "_index", "_links", "_rows", "_transaction")

    def __init__(
        self, store: StoreFile, transaction: Transaction, rows: StoredRows, index: LookupIndex
    ) -> None:
        self._transaction = transaction
        self._links = store.links
        self._rows = rows
        self._index = index
        self._arity = len(index.lookup.arguments) + 1

    def get(self, key: LookupKey | None, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row of a look-up key; None for one that lacks a part."""
        if key is None or len(key) != self._arity or None in key:
            return default
        place = self._index.section + encode_lookup_key(key)
        encoded = self._transaction.get(place, db=self._links)
        return default if encoded is None else self._rows.get(self._index.key_of(encoded), default)

    def __iter__(self) -> Iterator[LookupKey]:
        raise TypeError("the keys of an index are not kept")

    def __len__(self) -> int:
        with self._transaction.cursor(self._links) as cursor:
            section, count = self._index.section, 0
            found = cursor.set_range(section)
            while found and cursor.key().startswith(section):
                count += 1
                found = cursor.next_nodup()
            return count


def rows_of(transaction: Transaction, layout: Layout) -> dict[str, Mapping[Key, Row]]:
    """Return the rows of every type; a type without a table has none."""
    return {
        name: StoredRows(transaction, layout.types[name]) if name in layout.types else {}
        for name in layout.schema.types
    }


def section_items(transaction: Transaction, section: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the items of a section of `main`, their keys without its number."""
    skipped = len(section)
    with transaction.cursor() as cursor:
        found = cursor.set_range(section)
        while found:
            key, value = cursor.item()
            if not key.startswith(section):
                return
            yield key[skipped:], value
            found = cursor.next()


def ids_behind(transaction: Transaction, section: bytes, after: str) -> Iterator[str]:
    """Yield the ids of a section behind one, sorted."""
    encoded, skipped = encode_text(after), len(section)
    with transaction.cursor() as cursor:
        found = cursor.set_range(section + encoded)
        while found and (key := cursor.key()).startswith(section):
            if key[skipped:] != encoded:
                yield key[skipped:].decode()
            found = cursor.next()
