"""The rows of a store before and after a change, and what the store holds because of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from sidecar.errors import Problem
from sidecar.facts.facts import RowMapping
from sidecar.facts.indexes import Rows, RowsOf, exists_without_row
from sidecar.facts.row_faults import dangling_message
from sidecar.facts.row_parser import Row, row_name
from sidecar.facts.spelling import spelled_id
from sidecar.facts.store.encoding import encode_text
from sidecar.facts.store.incoming import KeyRows, row_entries, row_items, stored_key_rows
from sidecar.facts.store.layout import (
    Entry,
    Layout,
    TypeLayout,
    lookup_entries,
    named_by,
    needs_id,
)
from sidecar.facts.store.stored_rows import rows_of
from sidecar.facts.store.transactions import Transaction
from sidecar.schema import Key, Value, id_of

Changed: TypeAlias = Mapping[str, Mapping[Key, KeyRows | None]]
"""The new rows of keys, by type and key; None for a deleted key."""


class ChangedRows(RowMapping[Key]):
    """The rows of a type after a change."""

    __slots__ = ("_changed", "_stored")

    def __init__(self, stored: Mapping[Key, Row], changed: Mapping[Key, KeyRows | None]) -> None:
        self._stored = stored
        self._changed = changed

    def get(self, key: Key, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row of a key."""
        if key not in self._changed:
            return self._stored.get(key, default)
        known = self._changed[key]
        return default if known is None else known.named

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]  # what is no key is not there

    def __iter__(self) -> Iterator[Key]:
        yield from (key for key in self._stored if key not in self._changed)
        yield from (key for key, known in self._changed.items() if known is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class View:
    """All rows at one time: those of a transaction, with changes that it does not have yet."""

    def __init__(
        self, transaction: Transaction, layout: Layout, changed: Changed | None = None
    ) -> None:
        self._transaction = transaction
        self._layout = layout
        self._changed: Changed = changed or {}
        stored = rows_of(transaction, layout)
        self.rows: Rows = {
            name: ChangedRows(rows, self._changed[name]) if name in self._changed else rows
            for name, rows in stored.items()
        }
        self._lookups: dict[str, Callable[[Row], list[Entry]]] = {}
        self._exists: dict[str, Callable[[RowsOf, Value], bool] | None] = {}

    def exists(self, type_name: str, key: Value) -> bool:
        """Return whether an entity exists, with a row or by implication."""
        if key in self.rows[type_name]:
            return True
        if type_name not in self._exists:
            declared = self._layout.schema.types[type_name]
            self._exists[type_name] = exists_without_row(self._layout.schema, declared)
        implied = self._exists[type_name]
        return implied is not None and implied(self.rows.__getitem__, key)

    def implied_by(self, layout: TypeLayout, key: Key) -> Key | None:
        """Return the key of a type that an entity implies."""
        row = self.rows[layout.implier].get(key) if layout.implied else None
        return layout.implied(key, row) if layout.implied and row is not None else None

    def key_rows(self, layout: TypeLayout, key: Key, encoded_key: bytes) -> KeyRows | None:
        """Return the rows of a key; None if there are none."""
        changed = self._changed.get(layout.declared.name, {})
        if key in changed:
            return changed[key]
        return stored_key_rows(self._transaction, layout, key, encoded_key)

    def lookup_entries(self, type_name: str, row: Row) -> list[Entry]:
        """Return the entries of a row in the indexes of look-ups."""
        read = self._lookups.get(type_name)
        if read is None:
            read = self._lookups[type_name] = lookup_entries(self._layout, type_name, self.rows)
        return read(row)

    def holding(self, type_name: str, key: Key) -> tuple[dict[bytes, bytes], set[Entry]]:
        """Return what the databases `main` and `links` hold because of an entity."""
        layout = self._layout.types[type_name]
        encoded_key = layout.encode_key(key)
        items: dict[bytes, bytes] = {}
        entries: set[Entry] = set()
        if encoded_key is None:  # nothing with such a key is stored
            return items, entries
        known = self.key_rows(layout, key, encoded_key)
        if known is not None:
            items.update(row_items(layout, encoded_key, known, self._dangling(layout, key, known)))
            entries.update(row_entries(layout, encoded_key, known))
            entries.update(self.lookup_entries(type_name, known.named))
        has_row = known is not None
        exists = has_row or self.is_implied(layout, key)
        if exists and needs_id(layout, has_row=has_row):
            items[layout.ids + encode_text(self.id_text(type_name, key))] = b""
        return items, entries

    def _dangling(self, layout: TypeLayout, key: Key, known: KeyRows) -> tuple[Problem, ...]:
        """Return the faults of references that may dangle in a store that takes bad rows."""
        return () if self._layout.columns is None else tuple(self.dangling(layout, key, known))

    def dangling(self, layout: TypeLayout, key: Key, known: KeyRows) -> Iterator[Problem]:
        """Yield the faults of references to what does not exist, by the rows of a key."""
        for row in (known.named, *known.hidden):
            for attribute, target, value in named_by(layout, row):
                for member in value if isinstance(value, frozenset) else (value,):
                    if member is not None and not self.exists(target, member):
                        schema = self._layout.schema
                        declared = schema.types[target]
                        message = dangling_message(schema, attribute, declared, member)  # type: ignore[arg-type]  # a reference holds keys
                        text = f"{row_name(schema, layout.declared, key)}: {message}"
                        yield Problem(layout.declared.table, 0, text)

    def is_implied(self, layout: TypeLayout, key: Key) -> bool:
        """Return whether the row of another entity implies this one."""
        if layout.declared.implied is None or not isinstance(key, tuple):
            return False
        (reference, _), _ = layout.declared.implied
        return self.implied_by(layout, key[layout.declared.key.index(reference)]) == key

    def id_text(self, type_name: str, key: Key) -> str:
        """Return the id of an entity as the source writes it."""
        return spelled_id(self._layout.schema, type_name, key, self._spelling_of)

    def _spelling_of(self, type_name: str, key: Key) -> str | None:
        layout = self._layout.types.get(type_name)
        encoded_key = layout and layout.encode_key(key)
        if not layout or not encoded_key:
            return None
        known = self.key_rows(layout, key, encoded_key)
        return None if known is None else known.spelling or id_of(key)
