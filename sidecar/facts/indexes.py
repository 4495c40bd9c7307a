"""Indexes of a snapshot: the rows that look-ups find, and the references to each key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import itemgetter
from typing import TypeAlias

from sidecar.facts.facts import LookupKey, RowMapping
from sidecar.facts.row_parser import Row, reader_of
from sidecar.schema import ABSENT, Attribute, EntityType, Key, Lookup, Schema, Value
from sidecar.schema.model import INDEXED

Rows: TypeAlias = Mapping[str, Mapping[Key, Row]]
RowsOf: TypeAlias = Callable[[str], Mapping[Key, Row]]
"""Returns the rows of a type by its name, as `Facts.rows` does."""


class ViewByKey(RowMapping[LookupKey]):
    """The rows of a type by its key columns in another order."""

    __slots__ = ("_order", "_rows")

    def __init__(self, rows: Mapping[Key, Row], order: tuple[int, ...]) -> None:
        self._rows = rows
        self._order = order
        """For each key column the index of its value in the key of the look-up."""

    def get(self, key: LookupKey | None, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row of a look-up key; None for one that lacks a part."""
        order = self._order
        if key is None or len(key) != len(order):
            return default
        row_key = key[0] if len(order) == 1 else tuple([key[index] for index in order])
        return self._rows.get(row_key, default)  # type: ignore[arg-type]  # a value that is no key is not there

    def __iter__(self) -> Iterator[LookupKey]:
        columns = sorted(range(len(self._order)), key=self._order.__getitem__)
        for key in self._rows:
            yield (key,) if isinstance(key, str) else tuple([key[column] for column in columns])

    def __len__(self) -> int:
        return len(self._rows)


def getter(
    schema: Schema, declared: EntityType, path: tuple[str, ...], rows: Rows
) -> Callable[[Row], Value]:
    """Return a function from a row to its value at a path; absent if an entity is missing."""
    if len(path) == 1:
        return reader_of(declared, path[0])
    return partial(reader_through(schema, declared, path), rows.__getitem__)


def reader_through(
    schema: Schema, declared: EntityType, path: tuple[str, ...]
) -> Callable[[RowsOf, Row], Value]:
    """Return `getter` for a path of two steps and for whatever rows there are then."""
    first = list(declared.attributes).index(path[0])
    target = schema.types[declared.attributes[path[0]].type.target]
    if path[1] in target.key:
        # A reference holds the key of its target, whether that exists or not.
        if len(target.key) == 1:
            return lambda _, row: row[first]
        part = target.key.index(path[1])

        def part_of_key(_: RowsOf, row: Row) -> Value:
            key = row[first]
            return key[part] if isinstance(key, tuple) else ABSENT

        return part_of_key
    second, default = reader_of(target, path[1]), target.attributes[path[1]].default
    # An entity without a row has the defaults if it exists, and no values otherwise.
    exists = exists_without_row(schema, target) if default is not None else None
    name = target.name

    def attribute_of_target(rows_of: RowsOf, row: Row) -> Value:
        key = row[first]
        target_row = rows_of(name).get(key)  # type: ignore[arg-type]  # a value that is no key is not there
        if target_row is not None:
            return second(target_row)
        if exists is not None and key is not None and exists(rows_of, key):
            return default
        return ABSENT

    return attribute_of_target


def exists_without_row(
    schema: Schema, declared: EntityType
) -> Callable[[RowsOf, Value], bool] | None:
    """Return a test whether an entity without a row exists; None if none does."""
    if not declared.table:
        return lambda _rows_of, _key: True
    if declared.implied is None:
        return None
    path, column = declared.implied
    read = reader_through(schema, declared, path)
    index = declared.key.index(column)
    names = list(declared.attributes)

    def is_implied(rows_of: RowsOf, key: Value) -> bool:
        parts = key if isinstance(key, tuple) else (key,)
        row: list[Value] = [None] * len(names)
        for name, part in zip(declared.key, parts, strict=True):
            row[names.index(name)] = part
        return read(rows_of, tuple(row)) == parts[index]

    return is_implied


def index_lookup(
    schema: Schema, lookup: Lookup, rows: Rows, refuse: Callable[[Row, Row], None]
) -> Mapping[LookupKey, Row]:
    """Return the rows that a look-up finds; call `refuse` with two rows if only one is allowed."""
    by_key = view_by_key(schema, lookup, rows)
    return _index(schema, lookup, rows, refuse) if by_key is None else by_key


def view_by_key(schema: Schema, lookup: Lookup, rows: Rows) -> Mapping[LookupKey, Row] | None:
    """Return what a look-up finds if it matches exactly the key columns; None otherwise."""
    declared = schema.types[lookup.finds]
    by_key = order_of_key(declared, lookup)
    if by_key is None:
        return None
    if len(by_key) > 1 and by_key == tuple(range(len(by_key))):
        return rows[declared.name]  # type: ignore[return-value]  # keys of several columns are tuples
    return ViewByKey(rows[declared.name], by_key)


def matched_attributes(schema: Schema) -> frozenset[tuple[str, str]]:
    """Return the types and attributes whose values decisions need an index of (`Facts.holders`).

    They are those that look-ups of any row match.
    """
    found = set()
    for declared in schema.types.values():
        for lookup in declared.lookups.values():
            if lookup.finds_any:
                found |= {(lookup.finds, path[0]) for path in lookup.match if len(path) == 1}
            if lookup.through is not None:
                found |= {(lookup.through.type, name) for name in lookup.through.match}
    return frozenset(
        (type_name, name)
        for type_name, name in found
        if schema.types[type_name].attributes[name].type.kind in INDEXED
    )


def index_references(
    declared: EntityType, attribute: str, rows: Rows
) -> Mapping[Key, tuple[Key, ...]]:
    """Return the keys of the rows that refer to each key through an attribute."""
    column = list(declared.attributes).index(attribute)
    # Most keys are referred to once: a list is made only for those that are referred to again.
    one: dict[Key, tuple[Key, ...]] = {}
    several: dict[Key, list[Key]] = {}
    for key, row in rows[declared.name].items():
        target: Key | None = row[column]  # type: ignore[assignment]  # it is a reference
        if target is None:
            continue
        if one.setdefault(target, held := (key,)) is not held:
            several.setdefault(target, [*one[target]]).append(key)
    one.update((target, tuple(keys)) for target, keys in several.items())
    return one


def order_of_key(declared: EntityType, lookup: Lookup) -> tuple[int, ...] | None:
    """Return the index of each key column in a look-up key; None if the match is not the key."""
    sources = lookup.sources
    if lookup.where or set(lookup.match) != {(column,) for column in declared.key}:
        return None
    order = tuple(sources.index(lookup.match[column,]) for column in declared.key)
    return order if len(set(order)) == len(order) == len(sources) else None


def lookup_key_reader(
    schema: Schema, lookup: Lookup, rows: Rows
) -> Callable[[Row], LookupKey | None]:
    """Return a function from a row to the look-up key that finds it; None if none does."""
    declared = schema.types[lookup.finds]
    where = [(reader_of(declared, name), value) for name, value in lookup.where.items()]
    getters_of: dict[str, list[Callable[[Row], Value]]] = {}
    for source in lookup.sources:
        getters_of[source] = [
            getter(schema, declared, path, rows)
            for path, from_source in lookup.match.items()
            if from_source == source
        ]
    primary = [getters[0] for getters in getters_of.values()]
    # If a source is matched by several paths, all of them must have its value.
    further = [(getters[0], other) for getters in getters_of.values() for other in getters[1:]]

    def lookup_key_of(row: Row) -> LookupKey | None:
        # It runs for each row of a source: loops are faster here than generators.
        for read, value in where:
            if read(row) != value:
                return None
        lookup_key = tuple([get(row) for get in primary])
        if None in lookup_key:
            return None
        for one, other in further:
            if one(row) != other(row):
                return None
        return lookup_key

    return lookup_key_of


def _index(
    schema: Schema, lookup: Lookup, rows: Rows, refuse: Callable[[Row, Row], None]
) -> Mapping[LookupKey, Row]:
    declared = schema.types[lookup.finds]
    lookup_key_of = lookup_key_reader(schema, lookup, rows)
    is_better = _preference(declared, lookup)
    index: dict[LookupKey, Row] = {}
    for row in rows[declared.name].values():
        lookup_key = lookup_key_of(row)
        if lookup_key is None:
            continue
        first = index.setdefault(lookup_key, row)
        if first is not row:
            if is_better is None:
                refuse(first, row)
            elif is_better(row, first):
                index[lookup_key] = row
    return index


def _preference(declared: EntityType, lookup: Lookup) -> Callable[[Row, Row], bool] | None:
    """Return a test whether the first of two rows is preferred; None to refuse both."""
    if lookup.several == "refuse":
        return None
    names = list(declared.attributes)
    key = itemgetter(*[names.index(column) for column in declared.key])
    if lookup.several == "first":
        return lambda row, other: bool(key(row) < key(other))
    read = reader_of(declared, lookup.order)
    sign = 1 if lookup.several == "latest" else -1

    def is_better(row: Row, other: Row) -> bool:
        later = _compare(read(row), read(other)) * sign
        return later > 0 or (later == 0 and bool(key(row) < key(other)))

    return is_better


def _compare(one: Value, other: Value) -> int:
    """Return 1, 0 or -1 if the first value is greater, equal or less; absent is the greatest."""
    if one is None or other is None:
        return (one is None) - (other is None)
    return (one > other) - (one < other)  # type: ignore[operator]  # the schema orders this attribute


def required_target(schema: Schema, attribute: Attribute) -> str:
    """Return the type whose entities the values of an attribute must name; empty if none."""
    target = attribute.type.single.target
    return target if target and schema.types[target].table and not attribute.may_dangle else ""
