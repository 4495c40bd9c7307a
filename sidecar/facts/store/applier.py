"""Apply changes to a store, in one transaction.

The outcome is that of a store built anew from all rows: what the store holds because of an entity
is computed from the rows before and after the change, and the difference is written. Besides the
changed rows this concerns the rows whose index entries depend on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sidecar.errors import InvalidSnapshotError
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_parser import RowReader
from sidecar.facts.sources import TableChanges
from sidecar.facts.store.checks import Checks
from sidecar.facts.store.file import StoreFile
from sidecar.facts.store.incoming import Incoming, KeyRows, stored_key_rows
from sidecar.facts.store.layout import Entry, Layout, TypeLayout
from sidecar.facts.store.stored_rows import Holders, StoredRows
from sidecar.facts.store.transactions import Transaction
from sidecar.facts.store.view import Changed, View
from sidecar.schema import Key, id_of

Entity = tuple[str, Key]
"""A type and a key."""


def apply_changes(
    store: StoreFile,
    transaction: Transaction,
    tables: Mapping[str, TableChanges],
    faults: MountFaults,
) -> None:
    """Apply changes; after an error the transaction must be undone.

    Args:
        store: The store.
        transaction: A write transaction.
        tables: The changes by the name of their type.
        faults: Receives the faults.

    Raises:
        InvalidSnapshotError: The changed rows are invalid; their faults.
    """
    reading = _Reading(store.layout, transaction, faults)
    changed = {name: reading.read(name, table) for name, table in tables.items()}
    if faults:
        raise InvalidSnapshotError(faults.problems())
    before = View(transaction, store.layout)
    after = View(transaction, store.layout, changed)
    spread = _Spread(store, transaction, before, after)
    spread.follow(changed)
    checks = Checks(store, transaction, after, faults)
    if store.layout.columns is not None:
        spread.follow_references(checks)
    existing = [entity for entity in _sorted(spread.moved) if before.exists(*entity)]
    added = _write(store, transaction, spread.all, before, after)
    _check_rows(store.layout, checks, changed, reading.places)
    rewritten = {(name, key) for name, rows in changed.items() for key in rows}
    for name, key in existing:
        if not after.exists(name, key):
            checks.check_vanished(name, key, rewritten)
    _check_lookups(store.layout, checks, added)
    if faults:
        raise InvalidSnapshotError(faults.problems())


def _write(
    store: StoreFile, transaction: Transaction, entities: set[Entity], before: View, after: View
) -> set[Entry]:
    """Write the difference between two views; return the new entries."""
    writes = [(before.holding(*entity), after.holding(*entity)) for entity in _sorted(entities)]
    for (old_items, old_entries), (new_items, new_entries) in writes:
        for place in old_items.keys() - new_items.keys():
            transaction.delete(place)
        for entry in old_entries - new_entries:
            transaction.delete(*entry, db=store.links)
    added: set[Entry] = set()
    for (old_items, old_entries), (new_items, new_entries) in writes:
        for place, encoded in new_items.items():
            if old_items.get(place) != encoded:
                transaction.put(place, encoded)
        for entry in new_entries - old_entries:
            transaction.put(*entry, db=store.links)
            added.add(entry)
    return added


def _sorted(entities: Iterable[Entity]) -> list[Entity]:
    """Return entities in a fixed order: neighbours in the store are written one after another."""
    return sorted(entities, key=lambda entity: (entity[0], str(entity[1])))


class _Reading:
    """Reads the changed rows."""

    def __init__(self, layout: Layout, transaction: Transaction, faults: MountFaults) -> None:
        self._layout = layout
        self._transaction = transaction
        self._faults = faults
        self.places: dict[Entity, tuple[str, int]] = {}
        """The file and line of changed rows."""

    def read(self, name: str, changes: TableChanges) -> dict[Key, KeyRows | None]:
        """Return the new rows of each changed key of a type."""
        layout, schema = self._layout.types[name], self._layout.schema
        changed: dict[Key, KeyRows | None] = {}
        if changes.whole:
            changed.update(dict.fromkeys(StoredRows(self._transaction, layout)))
        reader = RowReader(schema, layout.declared, changes.table, self._faults)
        spellings: dict[Key, set[str]] = {}
        for cells in changes.keys:
            if (key := reader.read_key(cells)) is not None:
                changed[key] = None
                spellings.setdefault(key, set()).add(reader.id_text(cells))
        if layout.has_spellings and not layout.declared.current:
            changed.update(self._otherwise_spelled(layout, spellings))
        incoming = Incoming(self._layout, layout, changes.table, self._faults)
        for each in incoming.rows():
            known = changed.get(each.key)
            if known is None:
                changed[each.key] = each.alone()
                self.places[name, each.key] = (changes.table.file, each.line)
            else:
                incoming.add(known, each)
        return changed

    def _otherwise_spelled(
        self, layout: TypeLayout, spellings: Mapping[Key, set[str]]
    ) -> Iterator[tuple[Key, KeyRows]]:
        """Yield the stored rows of changed keys that another row wrote: these still exist."""
        for key, changed in spellings.items():
            encoded_key = layout.encode_key(key)
            if encoded_key is None:
                continue
            known = stored_key_rows(self._transaction, layout, key, encoded_key)
            if known is not None and (known.spelling or id_of(key)) not in changed:
                self.places[layout.declared.name, key] = (layout.declared.table, 0)
                yield key, known


class _Spread:
    """Finds all entities for which the store may hold something else after a change."""

    def __init__(
        self, store: StoreFile, transaction: Transaction, before: View, after: View
    ) -> None:
        self._store = store
        self._layout = store.layout
        self._transaction = transaction
        self._views = (before, after)
        self.all: set[Entity] = set()
        self.moved: set[Entity] = set()
        """The entities whose row or existence may have changed."""

    def follow(self, changed: Changed) -> None:
        """Find the entities that depend on changed rows."""
        self.moved.update((name, key) for name, rows in changed.items() for key in rows)
        for name in changed:
            for entity in list(self._implied_by(name, changed[name])):
                self.moved.add(entity)
        self.all |= self.moved
        for name, key in self.moved:
            self.all.update(self._matched_through(name, key))
        for name, rows in changed.items():
            self.all.update(self._spelled_by(name, rows))

    def follow_references(self, checks: Checks) -> None:
        """Find the rows that name an entity which exists no more, or exists again."""
        before, after = self._views
        for entity in self.moved:
            if before.exists(*entity) != after.exists(*entity):
                self.all.update(checks.naming(*entity))

    def _implied_by(self, name: str, keys: Iterable[Key]) -> Iterator[Entity]:
        """Yield the entities that rows of a type imply, before or after the change."""
        for layout in self._layout.types.values():
            if layout.implier != name:
                continue
            for key in keys:
                for view in self._views:
                    implied = view.implied_by(layout, key)
                    if implied is not None:
                        yield layout.declared.name, implied

    def _matched_through(self, name: str, key: Key) -> Iterator[Entity]:
        """Yield the rows that look-ups match by an attribute of an entity that they refer to."""
        for layout in self._layout.types.values():
            declared = layout.declared
            for attribute in {step for index in layout.lookups for step in index.through}:
                if declared.attributes[attribute].type.target == name:
                    for each in self._holders(declared.name, attribute).get(key) or ():
                        yield declared.name, each

    def _spelled_by(self, name: str, keys: Iterable[Key]) -> Iterator[Entity]:
        """Yield the implied entities whose ids are written as rows of a type write theirs."""
        if not self._layout.types[name].has_spellings:
            return
        for layout in self._layout.types.values():
            if layout.declared.implied is None or layout.implier not in self._layout.types:
                continue
            (_, step), column = layout.declared.implied
            if layout.declared.attributes[column].type.target != name:
                continue
            holders = self._holders(layout.implier, step)
            for key in keys:
                for implier in holders.get(key) or ():
                    implied = self._views[0].implied_by(layout, implier)
                    if implied is not None:
                        yield layout.declared.name, implied

    def _holders(self, name: str, attribute: str) -> Holders:
        layout = self._layout.types[name]
        rows = StoredRows(self._transaction, layout)
        return Holders(self._store, self._transaction, rows, layout, attribute)


def _check_rows(
    layout: Layout, checks: Checks, changed: Changed, places: Mapping[Entity, tuple[str, int]]
) -> None:
    for name, rows in changed.items():
        for key, known in rows.items():
            if known is not None:
                for row in (known.named, *known.hidden):
                    checks.check_row(layout.types[name], key, row, places[name, key])


def _check_lookups(layout: Layout, checks: Checks, added: set[Entry]) -> None:
    sections = {
        index.section: (each, index)
        for each in layout.types.values()
        for index in each.lookups
        if index.lookup.several == "refuse"
    }
    for place in sorted({place for place, _ in added}):
        if found := sections.get(place[:2]):
            type_layout, index = found
            checks.check_found(type_layout, index, place, type_layout.declared.table)
