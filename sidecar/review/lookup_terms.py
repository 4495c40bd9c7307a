"""Look-ups as terms of a solver: what each finds, under the laws that every mount keeps.

A look-up that finds a row names one that fits. Every other row that a state speaks of and that fits
makes it find one: of the rows that fit it takes the one that it prefers, and where several are
refused there are no two of them. A look-up of any row only says whether one fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from sidecar.engine.fact_paths import is_by_key
from sidecar.review.formulas import Term, Terms, all_of, any_of, equal, negated
from sidecar.schema import EntityType, Lookup, Value

if TYPE_CHECKING:
    from sidecar.review.row_terms import Entity, Reading, RowTerms


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A look-up with its arguments and its result."""

    lookup: Lookup
    arguments: Mapping[str, Terms]
    hit: Term
    """Whether it finds a row."""
    rows: tuple[Entity, ...]
    """The row that it finds, and the second one where it goes through another type."""


class LookupTerms:
    """All look-ups of a state that are not by the whole key."""

    def __init__(self, mount: RowTerms) -> None:
        self._mount = mount
        self._searches: dict[tuple[str, ...], Search] = {}
        types = mount.schema.types
        self._refusing = [
            lookup
            for declared in types.values()
            for lookup in declared.lookups.values()
            if lookup.several == "refuse" and not is_by_key(lookup, types[lookup.finds])
        ]

    def search(self, owner: EntityType, lookup: Lookup, given: Sequence[Reading]) -> Search:
        """Return what a look-up of a type finds: by the entity that is asked, and the arguments."""
        names = lookup.sources
        values = dict(zip(names, (each.value for each in given), strict=True))
        name = f"{owner.name}.{lookup.name}"
        terms = tuple(part for value in values.values() for part in value)
        known = self._searches.get((name, *terms))
        return known or self._begin(name, lookup, values, terms)

    def meet(self, entity: Entity, others: Sequence[Entity]) -> None:
        """Say what look-ups make of an entity, beside others of its type."""
        for search in list(self._searches.values()):
            self._meet(search, entity)
        for lookup in self._refusing if others else ():
            if lookup.finds == entity.type.name:
                for other in others:
                    self._refuse(lookup, entity, other)

    def _begin(
        self, name: str, lookup: Lookup, values: Mapping[str, Terms], terms: Terms
    ) -> Search:
        mount = self._mount
        hit = mount.terms.flag(f"{name} finds one", terms)
        types = self._types(lookup)
        rows = tuple(mount.witness(f"{name} {at}", each, terms) for at, each in enumerate(types))
        search = self._searches[name, *terms] = Search(lookup, values, hit, rows)
        mount.terms.imply(hit, self._fit(search, rows))
        for row in rows if lookup.finds_any else ():
            mount.note(row)
        for known in list(mount.entities.values()):
            self._meet(search, known)
        return search

    def _types(self, lookup: Lookup) -> list[EntityType]:
        types = self._mount.schema.types
        through = [] if lookup.through is None else [types[lookup.through.type]]
        return [types[lookup.finds], *through]

    # --- rows that fit ---------------------------------------------------------------------------

    def _meet(self, search: Search, entity: Entity) -> None:
        """Say that a look-up finds a row that fits, or one that it prefers."""
        lookup, found = search.lookup, search.rows[0]
        for rows in self._rows_with(search, entity):
            if lookup.finds_any:
                self._mount.terms.imply(self._fit(search, rows), search.hit)
            elif entity.number != found.number:
                fits = self._fit(search, rows)
                ways = [equal(found.key, entity.key)]
                if lookup.several != "refuse":
                    ways.append(self._is_preferred(lookup, found, entity))
                self._mount.terms.imply(fits, search.hit)
                self._mount.terms.imply(fits, any_of(ways))

    def _rows_with(self, search: Search, entity: Entity) -> Iterator[tuple[Entity, ...]]:
        """Yield the rows, an entity among them, that could fit together."""
        types = self._types(search.lookup)
        known = [
            [each for each in self._mount.entities.values() if each.type is of] for of in types
        ]
        for at, of in enumerate(types):
            if entity.type is of:
                # The entity together with itself was yielded for an earlier place.
                before = [[e for e in each if e is not entity] for each in known[:at]]
                yield from product(*before, [entity], *known[at + 1 :])

    def _fit(self, search: Search, rows: Sequence[Entity]) -> Term:
        """Return that rows fit together, the found one first."""
        mount, lookup, values, found = self._mount, search.lookup, search.arguments, rows[0]
        parts = [mount.row(found)]
        for steps, source in lookup.match.items():
            held = mount.along(found, steps)
            parts += [held.present, equal(held.value, values[source])]
        parts += [*self._is_like(found, lookup.where), *self._is_timely(found, lookup.clock)]
        through = lookup.through
        if through is not None:
            second = rows[1]
            parts.append(mount.row(second))
            for name, source in through.match.items():
                held = mount.along(second, (name,))
                parts += [held.present, equal(held.value, values[source])]
            parts += self._is_like(second, through.where)
            parts += self._is_timely(second, through.clock)
            for steps, name in through.joins.items():
                parts.append(mount.same(mount.along(found, steps), mount.along(second, (name,))))
        return all_of(parts)

    def _is_like(self, row: Entity, where: Mapping[str, Value]) -> Iterator[Term]:
        for name, value in where.items():
            wanted = self._mount.constant(value, row.type.attributes[name].type)
            yield self._mount.same(self._mount.along(row, (name,)), wanted)

    def _is_timely(self, row: Entity, clock: Mapping[str, str]) -> Iterator[Term]:
        for name, sign in clock.items():
            instant, now = self._mount.along(row, (name,)), self._mount.now()
            yield instant.present
            yield f"({sign} {instant.value[0]} {now.value[0]})"

    # --- several rows that fit -------------------------------------------------------------------

    def _is_preferred(self, lookup: Lookup, found: Entity, other: Entity) -> Term:
        """Return that a look-up takes the first of two different rows that match."""
        first = self._mount.terms.comes_first(found.key, other.key)
        if lookup.several == "first":
            return first
        mine, theirs = (self._mount.along(each, (lookup.order,)) for each in (found, other))
        both = all_of([mine.present, theirs.present])
        neither = all_of([negated(mine.present), negated(theirs.present)])
        ((left,), (right,)) = (mine.value, theirs.value)
        # What has no such moment is later than all others.
        latest = lookup.several == "latest"
        alone, lacking = (theirs, mine) if latest else (mine, theirs)
        return any_of(
            [
                all_of([alone.present, negated(lacking.present)]),
                all_of([both, f"(> {left} {right})" if latest else f"(< {left} {right})"]),
                all_of([any_of([neither, all_of([both, f"(= {left} {right})"])]), first]),
            ]
        )

    def _refuse(self, lookup: Lookup, one: Entity, other: Entity) -> None:
        """Say that a look-up which refuses several rows would not find these two together."""
        mount = self._mount
        parts = [mount.row(one), mount.row(other)]
        first: dict[str, Terms] = {}
        for steps, source in lookup.match.items():
            left, right = mount.along(one, steps), mount.along(other, steps)
            parts += [left.present, right.present, equal(left.value, right.value)]
            parts.append(equal(first.setdefault(source, left.value), left.value))
        for entity in (one, other):
            parts += self._is_like(entity, lookup.where)
        mount.terms.imply(all_of(parts), equal(one.key, other.key))
