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

from sidecar.facts import Facts, Row, reader_of
from sidecar.facts.indexes import getter
from sidecar.schema import EntityType, Key, Lookup, Schema, Value
from sidecar.schema.model import INDEXED

UNKNOWN = object()
"""In place of ``this`` or an argument that a search does not know: any value matches."""

Sources: TypeAlias = Sequence[Any]
"""``this`` and the arguments, in their order; none of them absent."""
Pair: TypeAlias = tuple[Row, Row | None]
"""A row that is found, and the one of the second type that fits together with it."""
_ReadPath: TypeAlias = Callable[[Facts, Row], Value]
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
        sources = ("this", *lookup.arguments)
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
    matched: tuple[tuple[str, int], ...]
    """Attributes, each with the index of the source that it equals."""
    conditions: tuple[tuple[_ReadPath, int], ...]
    """The same of all paths of the match."""
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
        return cls(
            type=declared,
            matched=tuple((path[0], at) for path, at in match.items() if len(path) == 1),
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
        known = {name: sources[at] for name, at in self.matched if sources[at] is not UNKNOWN}
        if joined is not None:
            pairs = zip(self.joins, joined, strict=True)
            known.update({path[0]: value for path, value in pairs if len(path) == 1})
        if known.keys() >= set(self.type.key):
            parts = tuple(known[column] for column in self.type.key)
            return (parts[0] if len(parts) == 1 else parts,)
        found = (
            facts.holders(self.type.name, name).get(value, ())
            for name, value in known.items()
            if self._is_indexed(name)
        )
        return min(found, key=len, default=None)

    def is_bounded(self, unknown: int) -> bool:
        """Tell whether an index finds the rows by what they match but for one source."""
        return any(at != unknown and self._is_indexed(name) for name, at in self.matched)

    def is_bounded_by_joins(self) -> bool:
        """Tell whether an index finds the rows that have joined values."""
        return any(len(path) == 1 and self._is_indexed(path[0]) for path in self.joins)

    def _is_indexed(self, name: str) -> bool:
        return self.type.attributes[name].type.kind in INDEXED

    def has_key(self, sources: Sources) -> bool:
        """Tell whether a row of the other side leads to one row of this side by its key."""
        known = {name for name, at in self.matched if sources[at] is not UNKNOWN}
        known |= {path[0] for path in self.joins if len(path) == 1}
        return known >= set(self.type.key)

    def rows(
        self,
        facts: Facts,
        sources: Sources,
        now: datetime | None,
        joined: _Joined | None = None,
    ) -> Iterator[Row]:
        """Yield the rows that fit, and that have the joined values if there are any."""
        rows = facts.rows(self.type.name)
        for key in self.keys(facts, sources, joined) or ():
            row = rows.get(key)
            if row is None or not self._fits(facts, row, sources, now):
                continue
            if joined is None or self.joined(facts, row) == joined:
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


class _RowsOf(Mapping[str, Mapping[Key, Row]]):
    """The rows of all types, as functions over rows take them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def __getitem__(self, type_name: str) -> Mapping[Key, Row]:
        return self._facts.rows(type_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts.schema.types)

    def __len__(self) -> int:
        return len(self._facts.schema.types)


def _reader(schema: Schema, declared: EntityType, path: tuple[str, ...]) -> _ReadPath:
    if len(path) == 1:
        read = reader_of(declared, path[0])
        return lambda _, row: read(row)
    return lambda facts, row: getter(schema, declared, path, _RowsOf(facts))(row)
