"""Indexes of a snapshot: what look-ups find, and who refers to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import TypeAlias

from sidecar.facts.row_parser import Row, reader_of
from sidecar.facts.snapshot import Asked
from sidecar.schema import ABSENT, EntityType, Key, Lookup, Schema, Value

Rows: TypeAlias = Mapping[str, Mapping[Key, Row]]
THIS = "this"


class ViewByKey(Mapping[Asked, Row]):
    """The rows of a type, asked with the columns of its key in another order."""

    __slots__ = ("_order", "_rows")

    def __init__(self, rows: Mapping[Key, Row], order: tuple[int, ...]) -> None:
        self._rows = rows
        self._order = order
        """For each key column the place of its value in what is asked."""

    def __getitem__(self, asked: Asked) -> Row:
        row = self.get(asked)
        if row is None:
            raise KeyError(asked)
        return row

    def get(self, asked: Asked, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        """Return the row that is asked for."""
        order = self._order
        if len(asked) != len(order):
            return default
        key = asked[0] if len(order) == 1 else tuple([asked[place] for place in order])
        return self._rows.get(key, default)  # type: ignore[arg-type]  # a value that is no key is not there

    def __iter__(self) -> Iterator[Asked]:
        places = sorted(range(len(self._order)), key=self._order.__getitem__)
        for key in self._rows:
            yield (key,) if isinstance(key, str) else tuple([key[place] for place in places])

    def __len__(self) -> int:
        return len(self._rows)


def getter(
    schema: Schema, declared: EntityType, path: tuple[str, ...], rows: Rows
) -> Callable[[Row], Value]:
    """Return what reads the value at a path from a row; absent where the path breaks off."""
    if len(path) == 1:
        return reader_of(declared, path[0])
    first = list(declared.attributes).index(path[0])
    target = schema.types[declared.attributes[path[0]].type.target]
    if path[1] in target.key:
        # The id tells the key of what it names, whether that exists or not.
        if len(target.key) == 1:
            return itemgetter(first)
        part = target.key.index(path[1])

        def part_of_key(row: Row) -> Value:
            key = row[first]
            return key[part] if isinstance(key, tuple) else ABSENT

        return part_of_key
    second, default = reader_of(target, path[1]), target.attributes[path[1]].default
    targets = rows[target.name]
    # What exists without a row has the defaults; what does not exist has nothing.
    exists = without_row(schema, target, rows) if default is not None else None

    def attribute_of_target(row: Row) -> Value:
        key = row[first]
        found = targets.get(key)  # type: ignore[arg-type]  # a value that is no key is not there
        if found is not None:
            return second(found)
        return default if exists is not None and key is not None and exists(key) else ABSENT

    return attribute_of_target


def without_row(schema: Schema, declared: EntityType, rows: Rows) -> Callable[[Value], bool] | None:
    """Return what tells whether a key exists although it has no row; None where none does."""
    if not declared.table:
        return lambda _: True
    if declared.implied is None:
        return None
    path, column = declared.implied
    read = getter(schema, declared, path, rows)
    place = declared.key.index(column)
    names = list(declared.attributes)

    def is_implied(key: Value) -> bool:
        parts = key if isinstance(key, tuple) else (key,)
        row: list[Value] = [None] * len(names)
        for name, part in zip(declared.key, parts, strict=True):
            row[names.index(name)] = part
        return read(tuple(row)) == parts[place]

    return is_implied


def found_by(
    schema: Schema, lookup: Lookup, rows: Rows, refuse: Callable[[Row, Row], None]
) -> Mapping[Asked, Row]:
    """Return what a look-up finds; calls `refuse` with two rows where it must find one only."""
    declared = schema.types[lookup.finds]
    sources = (THIS, *lookup.arguments)
    by_key = _order_of_key(declared, lookup, sources)
    if by_key is not None:
        if len(by_key) > 1 and by_key == tuple(range(len(by_key))):
            return rows[declared.name]  # type: ignore[return-value]  # keys of several columns are tuples
        return ViewByKey(rows[declared.name], by_key)
    return _index(schema, lookup, rows, refuse)


def referring_by(declared: EntityType, attribute: str, rows: Rows) -> Mapping[Key, tuple[Key, ...]]:
    """Return the keys of the rows that refer to each key through an attribute."""
    place = list(declared.attributes).index(attribute)
    one: dict[Key, tuple[Key, ...]] = {}
    several: dict[Key, list[Key]] = {}
    for key, row in rows[declared.name].items():
        target: Key | None = row[place]  # type: ignore[assignment]  # it is a reference
        if target is None:
            continue
        if one.setdefault(target, held := (key,)) is not held:
            several.setdefault(target, [*one[target]]).append(key)
    one.update((target, tuple(keys)) for target, keys in several.items())
    return one


def _order_of_key(
    declared: EntityType, lookup: Lookup, sources: tuple[str, ...]
) -> tuple[int, ...] | None:
    """Return where each key column stands in what is asked, when the match is just the key."""
    if lookup.where or set(lookup.match) != {(column,) for column in declared.key}:
        return None
    order = tuple(sources.index(lookup.match[column,]) for column in declared.key)
    return order if len(set(order)) == len(order) == len(sources) else None


def _index(
    schema: Schema, lookup: Lookup, rows: Rows, refuse: Callable[[Row, Row], None]
) -> Mapping[Asked, Row]:
    declared = schema.types[lookup.finds]
    where = [(reader_of(declared, name), value) for name, value in lookup.where.items()]
    asked_with: dict[str, list[Callable[[Row], Value]]] = {}
    for source in (THIS, *lookup.arguments):
        asked_with[source] = [
            getter(schema, declared, path, rows)
            for path, from_source in lookup.match.items()
            if from_source == source
        ]
    primary = [getters[0] for getters in asked_with.values()]
    # A source may stand at several paths; then all of them must have its value.
    further = [(getters[0], other) for getters in asked_with.values() for other in getters[1:]]
    better = _preference(declared, lookup)
    index: dict[Asked, Row] = {}
    for row in rows[declared.name].values():
        if where and any(read(row) != value for read, value in where):
            continue
        asked = tuple([get(row) for get in primary])
        if None in asked or (further and any(one(row) != other(row) for one, other in further)):
            continue
        held = index.setdefault(asked, row)
        if held is not row:
            if better is None:
                refuse(held, row)
            elif better(row, held):
                index[asked] = row
    return index


def _preference(declared: EntityType, lookup: Lookup) -> Callable[[Row, Row], bool] | None:
    """Return what tells whether the first of two rows is to be found; None to refuse both."""
    if lookup.several == "refuse":
        return None
    names = list(declared.attributes)
    key = itemgetter(*[names.index(column) for column in declared.key])
    if lookup.several == "first":
        return lambda row, held: bool(key(row) < key(held))
    read = reader_of(declared, lookup.order)
    sign = 1 if lookup.several == "latest" else -1

    def is_better(row: Row, held: Row) -> bool:
        later = _compare(read(row), read(held)) * sign
        return later > 0 or (later == 0 and bool(key(row) < key(held)))

    return is_better


def _compare(one: Value, other: Value) -> int:
    """Return 1, 0 or -1 as one is later than, beside or before the other; absent is last."""
    if one is None or other is None:
        return (one is None) - (other is None)
    return (one > other) - (one < other)  # type: ignore[operator]  # the schema orders this attribute
