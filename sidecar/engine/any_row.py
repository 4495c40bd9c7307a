"""Finds any row that fits a look-up, alone or together with a row of a second type.

A row fits as `docs/packs.md` says (Look-ups of any row). Rows are found by the attributes that are
matched, through the index of keys by value: those of the value that the fewest rows have.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sidecar.errors import BadRowError
from sidecar.facts import Facts, Row, reader_of
from sidecar.facts.indexes import reader_through
from sidecar.schema import EntityType, Key, Lookup, Schema, Value
from sidecar.schema.model import INDEXED

UNKNOWN = object()
"""In place of ``this`` or an argument that a search does not know: any value matches."""

Sources: TypeAlias = Sequence[Any]
"""``this`` and the arguments, in their order; none of them absent."""
Pair: TypeAlias = tuple[Row, Row | None]
"""A row that is found, and the one of the second type that fits together with it."""
_ReadPath: TypeAlias = Callable[[Facts, Row], Value]
_FindKeys: TypeAlias = Callable[[Facts, Any], Collection[Key]]
_Joined: TypeAlias = tuple[Value, ...]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}


class AnyRow:
    """Finds rows for one look-up of ``any`` row."""

    def __init__(self, schema: Schema, lookup: Lookup) -> None:
        sources = lookup.sources
        declared, through = schema.types[lookup.finds], lookup.through
        joins = () if through is None else tuple(through.joins.items())
        self._found = _Side.of(
            schema,
            declared,
            {path: sources.index(source) for path, source in lookup.match.items()},
            (lookup.where, lookup.clock),
            tuple(path for path, _ in joins),
        )
        self._second: _Side | None = None
        if through is not None:
            self._second = _Side.of(
                schema,
                schema.types[through.type],
                {(name,): sources.index(source) for name, source in through.match.items()},
                (through.where, through.clock),
                tuple((name,) for _, name in joins),
            )

    def find(self, facts: Facts, sources: Sources, now: datetime) -> Row | None:
        """Return a row that fits at a time, or None."""
        return next((row for row, _ in self._pairs(facts, sources, now)), None)

    def instants(self, facts: Facts, sources: Sources) -> Iterator[datetime]:
        """Yield the instants at which a row may begin or cease to fit.

        Between two of them that follow each other, the same rows fit at all times.
        """
        for row, second in self._pairs(facts, sources, None):
            yield from self._found.instants(row)
            if self._second is not None and second is not None:
                yield from self._second.instants(second)

    def is_bounded(self, unknown: int) -> bool:
        """Tell whether all rows are found by an index where one source is unknown.

        Of two rows one is found by what it matches, and the other by that or by what joins them.
        """
        found, second = self._found, self._second
        if second is None:
            return found.is_bounded(unknown)
        if found.is_bounded(unknown):
            return second.is_bounded(unknown) or second.is_bounded_by_joins()
        return second.is_bounded(unknown) and found.is_bounded_by_joins()

    def sources_of(self, facts: Facts, sources: Sources, now: datetime) -> Iterator[Value]:
        """Yield, for the one source that is `UNKNOWN`, the values for which a row can fit.

        Only where `is_bounded`.
        """
        unknown = next(at for at, source in enumerate(sources) if source is UNKNOWN)
        for row, second in self._pairs(facts, sources, now):
            value = self._found.value_at(unknown, facts, row)
            if value is None and self._second is not None and second is not None:
                value = self._second.value_at(unknown, facts, second)
            if value is not None:
                yield value

    def _pairs(self, facts: Facts, sources: Sources, now: datetime | None) -> Iterator[Pair]:
        """Yield the rows that fit; without a time, whatever the clock says."""
        found, second = self._found, self._second
        if second is None:
            yield from ((row, None) for row in found.rows(facts, sources, now))
            return
        keys = {side: side.keys(facts, sources) for side in (found, second)}
        starts = [
            (len(mine), side, other)
            for side, other in ((found, second), (second, found))
            if (mine := keys[side]) is not None and (keys[other] is None or other.has_key(sources))
        ]
        if starts:
            _, side, other = min(starts, key=operator.itemgetter(0))
            pairs = _probed(side, other, facts, sources, now)
        else:
            side, other = sorted((found, second), key=lambda each: len(keys[each] or ()))
            pairs = _hashed(side, other, facts, sources, now)
        yield from pairs if side is found else ((row, beside) for beside, row in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of the rows of a look-up: the found one, or the second one."""

    type: EntityType
    matched: Mapping[tuple[str, ...], int]
    """Paths, each with the index of the source that it equals."""
    conditions: tuple[tuple[_ReadPath, int], ...]
    """The same, as they are read."""
    key: frozenset[tuple[str, ...]]
    """The paths of the key columns."""
    finders: Mapping[tuple[str, ...], _FindKeys]
    """Of the attributes by whose values an index finds rows."""
    finders_through: Mapping[tuple[str, ...], _FindKeys]
    """Of the paths of two steps by whose values two indexes do."""
    joins: tuple[tuple[str, ...], ...]
    """Paths that equal those of the other side, in the same order."""
    read_joins: tuple[_ReadPath, ...]
    where: tuple[tuple[Callable[[Row], Value], Value], ...]
    clock: tuple[tuple[Callable[[Row], Value], Callable[[Any, Any], bool]], ...]

    @classmethod
    def of(
        cls,
        schema: Schema,
        declared: EntityType,
        match: Mapping[tuple[str, ...], int],
        where: tuple[Mapping[str, Value], Mapping[str, str]],
        joins: tuple[tuple[str, ...], ...],
    ) -> _Side:
        """Prepare one side of a look-up; `where` has its constants and its clock."""
        constants, clock = where
        made = {path: _finder(schema, declared, path) for path in (*match, *joins)}
        finders = {path: find for path, find in made.items() if find is not None}
        return cls(
            type=declared,
            matched=match,
            key=frozenset((column,) for column in declared.key),
            finders={path: find for path, find in finders.items() if len(path) == 1},
            finders_through={path: find for path, find in finders.items() if len(path) > 1},
            conditions=tuple((_reader(schema, declared, path), at) for path, at in match.items()),
            joins=joins,
            read_joins=tuple(_reader(schema, declared, path) for path in joins),
            where=tuple((reader_of(declared, name), value) for name, value in constants.items()),
            clock=tuple(
                (reader_of(declared, name), _COMPARE[sign]) for name, sign in clock.items()
            ),
        )

    def keys(
        self, facts: Facts, sources: Sources, joined: _Joined | None = None
    ) -> Collection[Key] | None:
        """Return keys among which all fitting rows are, as few as possible; None if unbounded."""
        known = {path: sources[at] for path, at in self.matched.items()}
        known = {path: value for path, value in known.items() if value is not UNKNOWN}
        if joined is not None:
            known.update(zip(self.joins, joined, strict=True))
        if known.keys() >= self.key:
            parts = tuple([known[column,] for column in self.type.key])
            return (parts[0] if len(parts) == 1 else parts,)
        found = [find(facts, known[path]) for path, find in self.finders.items() if path in known]
        if found:
            return min(found, key=len)
        through = self.finders_through.items()
        return next((find(facts, known[path]) for path, find in through if path in known), None)

    def is_bounded(self, unknown: int) -> bool:
        """Tell whether an index finds the rows by what they match but for one source."""
        return any(
            at != unknown and (path in self.finders or path in self.finders_through)
            for path, at in self.matched.items()
        )

    def is_bounded_by_joins(self) -> bool:
        """Tell whether an index finds the rows that have joined values."""
        return any(path in self.finders or path in self.finders_through for path in self.joins)

    def has_key(self, sources: Sources) -> bool:
        """Tell whether a row of the other side leads to one row of this side by its key."""
        known = {path for path, at in self.matched.items() if sources[at] is not UNKNOWN}
        return known.union(self.joins) >= self.key

    def rows(
        self,
        facts: Facts,
        sources: Sources,
        now: datetime | None,
        joined: _Joined | None = None,
    ) -> Iterator[Row]:
        """Yield the rows that fit, and that have the joined values if there are any."""
        rows = facts.rows(self.type.name)
        is_search = any(source is UNKNOWN for source in sources)
        for key in self.keys(facts, sources, joined) or ():
            try:
                row = rows.get(key)
                if row is None or not self._fits(facts, row, sources, now):
                    continue
                if joined is not None and self.joined(facts, row) != joined:
                    continue
            except BadRowError:
                if is_search:  # it is denied to those whom the row would lead to
                    continue
                raise
            yield row

    def joined(self, facts: Facts, row: Row) -> _Joined | None:
        """Return the values that are equal in both rows; None if one is absent."""
        values = tuple([read(facts, row) for read in self.read_joins])
        return None if None in values else values

    def instants(self, row: Row) -> Iterator[datetime]:
        """Yield the instants of a row that are compared with the clock."""
        for read, _ in self.clock:
            if isinstance(instant := read(row), datetime):
                yield instant

    def value_at(self, source: int, facts: Facts, row: Row) -> Value:
        """Return the value of a row that a source has to equal; None if this side has none."""
        return next((read(facts, row) for read, at in self.conditions if at == source), None)

    def _fits(self, facts: Facts, row: Row, sources: Sources, now: datetime | None) -> bool:
        for read, at in self.conditions:
            value = read(facts, row)
            if value is None or (sources[at] is not UNKNOWN and value != sources[at]):
                return False
        if any(read_own(row) != wanted for read_own, wanted in self.where):
            return False
        return now is None or all(
            (instant := read_own(row)) is not None and compare(instant, now)
            for read_own, compare in self.clock
        )


def _probed(
    side: _Side, other: _Side, facts: Facts, sources: Sources, now: datetime | None
) -> Iterator[tuple[Row, Row]]:
    """Yield pairs by looking, for each row of one side, for those of the other side."""
    for row in side.rows(facts, sources, now):
        joined = side.joined(facts, row)
        if joined is not None:
            yield from ((row, beside) for beside in other.rows(facts, sources, now, joined))


def _hashed(
    side: _Side, other: _Side, facts: Facts, sources: Sources, now: datetime | None
) -> Iterator[tuple[Row, Row]]:
    """Yield pairs by reading the rows of each side once."""
    known: dict[_Joined | None, list[Row]] = {}
    for row in side.rows(facts, sources, now):
        known.setdefault(side.joined(facts, row), []).append(row)
    known.pop(None, None)
    for beside in other.rows(facts, sources, now) if known else ():
        yield from ((row, beside) for row in known.get(other.joined(facts, beside), ()))


def _reader(schema: Schema, declared: EntityType, path: tuple[str, ...]) -> _ReadPath:
    if len(path) == 1:
        read = reader_of(declared, path[0])
        return lambda _, row: read(row)
    through = reader_through(schema, declared, path)
    return lambda facts, row: through(facts.rows, row)


def _finder(schema: Schema, declared: EntityType, path: tuple[str, ...]) -> _FindKeys | None:
    """Return a function to the keys of the rows with a value at a path; None without an index.

    Through a reference these are the rows that refer to one of the entities with the value.
    """
    name, attribute = path[0], declared.attributes[path[0]]
    if attribute.type.kind not in INDEXED:
        return None
    if len(path) == 1:
        return lambda facts, value: facts.holders(declared.name, name).get(value, ())
    target = schema.types[attribute.type.target]
    if target.key == path[1:]:
        return lambda facts, value: facts.holders(declared.name, name).get(value, ())
    column = target.attributes[path[1]]
    if path[1] in target.key or column.default is not None or column.type.kind not in INDEXED:
        return None  # an entity without a row can have the value

    def through(facts: Facts, value: Value) -> Collection[Key]:
        held = facts.holders(declared.name, name)
        named = facts.holders(target.name, column.name).get(value, ())
        return [key for each in named for key in held.get(each, ())]

    return through
