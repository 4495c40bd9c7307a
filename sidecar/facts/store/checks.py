"""Checks of rows beside each other in a store: references, and look-ups that find one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from sidecar.facts.errors import MountFaults
from sidecar.facts.row_faults import dangling_message, several_message
from sidecar.facts.row_parser import Row, row_name
from sidecar.facts.store.encoding import encode_text, encode_values
from sidecar.facts.store.file import StoreFile
from sidecar.facts.store.layout import Layout, Link, LookupIndex, TypeLayout, named_by
from sidecar.facts.store.stored_rows import HeldKeys, StoredRows
from sidecar.facts.store.transactions import Transaction
from sidecar.facts.store.view import View
from sidecar.schema import Attribute, Key, Value


class Checks:
    """The checks of one transaction, which adds the faults that it finds."""

    def __init__(
        self, store: StoreFile, transaction: Transaction, view: View, faults: MountFaults
    ) -> None:
        self._store = store
        self._layout: Layout = store.layout
        self._transaction = transaction
        self._view = view
        self._faults = faults

    # --- references -----------------------------------------------------------------------------

    def check_row(self, layout: TypeLayout, key: Key, row: Row, place: tuple[str, int]) -> None:
        """Make sure that all entities that a row must name exist."""
        for attribute, target, value in named_by(layout, row):
            for member in value if isinstance(value, frozenset) else (value,):
                if member is not None and not self._view.exists(target, member):
                    self._refuse_dangling(layout, key, attribute, target, member, place)

    def check_all_references(self, files: dict[str, str]) -> None:
        """Make sure that all entities that rows must name exist.

        Args:
            files: The file or table of each type, for faults. If one is broken, rows are missing,
                and references to them are not checked.
        """
        broken = self._faults.broken
        for layout in self._layout.types.values():
            file = files[layout.declared.name]
            for target, keys in self._naming(layout):
                if files[target] in broken or (
                    broken and self._layout.schema.types[target].implied
                ):
                    continue
                for key in keys:
                    for row in self._rows_of_key(layout, key):
                        self.check_row(layout, key, row, (file, 0))

    def _naming(self, layout: TypeLayout) -> Iterator[tuple[str, Iterator[Key]]]:
        """Yield, for each index of references, one row for each missing value, and its target."""
        if layout.leading_target:
            yield layout.leading_target, self._leading_to_nothing(layout)
        for link in (*layout.references, *layout.hidden_links):
            yield link.target, self._linked_to_nothing(layout, link)

    def _leading_to_nothing(self, layout: TypeLayout) -> Iterator[Key]:
        rows = StoredRows(self._transaction, layout)
        start, following = b"", b"0" if layout.leading else b"\0"
        while True:
            encoded = next(rows.encoded_keys(start=start), None)
            if encoded is None:
                return
            value = encoded.split(b"/", 1)[0] if layout.leading else encoded
            if not self._view.exists(layout.leading_target, value.decode()):
                yield layout.decode_key(encoded)
            start = value + following  # behind all keys that begin with the value

    def _linked_to_nothing(self, layout: TypeLayout, link: Link) -> Iterator[Key]:
        start = len(link.section)
        with self._transaction.cursor(self._store.links) as cursor:
            found = cursor.set_range(link.section)
            while found and (place := cursor.key()).startswith(link.section):
                is_text = place[start : start + 1] == b"s"
                if not is_text or not self._view.exists(link.target, place[start + 1 :].decode()):
                    yield layout.decode_key(cursor.value())
                found = cursor.next_nodup()

    def _rows_of_key(self, layout: TypeLayout, key: Key) -> Iterator[Row]:
        known = self._view.key_rows(layout, key, layout.encode_key(key) or b"")
        if known is not None:
            yield known.named
            yield from known.hidden

    def check_vanished(self, type_name: str, key: Key, changed: Iterable[tuple[str, Key]]) -> None:
        """Make sure that no row names an entity that exists no more.

        Args:
            type_name: The type of the entity.
            key: Its key.
            changed: Rows that are checked by themselves.
        """
        for layout in self._layout.types.values():
            for attribute, keys in self._naming_entity(layout, type_name, key):
                name = layout.declared.name
                unchanged = (each for each in keys if (name, each) not in changed)
                for each in islice(unchanged, 1):
                    place = (layout.declared.table, 0)
                    self._refuse_dangling(layout, each, attribute, type_name, key, place)

    def _naming_entity(
        self, layout: TypeLayout, type_name: str, key: Key
    ) -> Iterator[tuple[Attribute, Iterable[Key]]]:
        declared = layout.declared
        if layout.leading_target == type_name and isinstance(key, str):
            rows = StoredRows(self._transaction, layout)
            encoded = encode_text(key)
            if layout.leading:
                found = map(layout.decode_key, rows.encoded_keys(encoded + b"/"))
                yield declared.attributes[declared.key[0]], found
            elif key in rows:
                yield declared.attributes[declared.key[0]], (key,)
        for link in (*layout.references, *layout.hidden_links):
            if link.target == type_name:
                place = link.section + encode_values((key,))
                found_keys = HeldKeys(self._transaction, self._store.links, layout, place)
                yield link.attribute, found_keys

    def _refuse_dangling(  # noqa: PLR0913, PLR0917  all that the fault names
        self, layout: TypeLayout, key: Key, attribute: Attribute, target: str, value: Value,
        place: tuple[str, int],
    ) -> None:  # fmt: skip
        if not self._layout.is_fatal(layout.declared.name, attribute):
            return
        message = ""
        if not self._faults.full:
            schema = self._layout.schema
            declared = schema.types[target]
            message = dangling_message(schema, attribute, declared, value)  # type: ignore[arg-type]  # a reference holds keys
            if not place[1]:
                message = f"{row_name(schema, layout.declared, key)}: {message}"
        self._faults.add(*place, message)

    def naming(self, type_name: str, key: Key) -> Iterator[tuple[str, Key]]:
        """Yield the rows that must name an existing entity and name this one; some twice."""
        for layout in self._layout.types.values():
            for _, keys in self._naming_entity(layout, type_name, key):
                yield from ((layout.declared.name, each) for each in keys)

    def naming_nothing(self) -> Iterator[tuple[str, Key]]:
        """Yield the rows that name an entity that does not exist; some twice."""
        missing: set[tuple[str, Value]] = set()
        for layout in self._layout.types.values():
            for _, keys in self._naming(layout):
                for key in keys:
                    for row in self._rows_of_key(layout, key):
                        missing.update(self._missing(layout, row))
        for type_name, value in missing:
            yield from self.naming(type_name, value)  # type: ignore[arg-type]  # a reference holds keys

    def _missing(self, layout: TypeLayout, row: Row) -> Iterator[tuple[str, Value]]:
        for _, target, value in named_by(layout, row):
            for member in value if isinstance(value, frozenset) else (value,):
                if member is not None and not self._view.exists(target, member):
                    yield target, member

    # --- look-ups -------------------------------------------------------------------------------

    def check_all_lookups(self, files: dict[str, str]) -> None:
        """Make sure that each look-up that may find one row finds no second one."""
        for layout in self._layout.types.values():
            for index in layout.lookups:
                if index.lookup.several == "refuse":
                    self._check_lookup(layout, index, files[layout.declared.name])

    def _check_lookup(self, layout: TypeLayout, index: LookupIndex, file: str) -> None:
        with self._transaction.cursor(self._store.links) as cursor:
            found = cursor.set_range(index.section)
            while found and (place := cursor.key()).startswith(index.section):
                if cursor.count() > 1:
                    self.check_found(layout, index, place, file)
                found = cursor.next_nodup()

    def check_found(self, layout: TypeLayout, index: LookupIndex, place: bytes, file: str) -> None:
        """Make sure that an entry of the index of a look-up has one row."""
        with self._transaction.cursor(self._store.links) as cursor:
            found = list(islice(cursor.iternext_dup(), 2)) if cursor.set_key(place) else []
        if len(found) > 1:
            schema = self._layout.schema
            one, other = (row_name(schema, layout.declared, index.key_of(each)) for each in found)
            message = several_message(index.base, index.lookup, f"{one} and {other}")
            self._faults.add(file, 0, message)
