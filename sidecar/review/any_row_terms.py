"""Look-ups of any row as terms of a solver: one holds exactly where a row fits.

Where it holds, a row is named that fits; every other row that a state speaks of and that fits makes
it hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from sidecar.diagram.paths import NOW
from sidecar.review.terms import Term, Terms, all_of, equal
from sidecar.schema import EntityType, Lookup, Value

if TYPE_CHECKING:
    from sidecar.review.symbolic_facts import Entity, Reading, SymbolicFacts


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """A look-up with what it is made with."""

    lookup: Lookup
    asked: Mapping[str, Terms]
    hit: Term


class AnyRowTerms:
    """The look-ups of any row that a state speaks of."""

    def __init__(self, facts: SymbolicFacts) -> None:
        self._facts = facts
        self._searches: dict[tuple[str, ...], _Search] = {}

    def fits(self, owner: EntityType, lookup: Lookup, given: Sequence[Reading]) -> Term:
        """Return that a row fits a look-up of a type that is made with these values."""
        terms = self._facts.terms
        names = ("this", *lookup.arguments)
        asked = dict(zip(names, (each.value for each in given), strict=True))
        name = f"{owner.name}.{lookup.name}"
        arguments = tuple(part for value in asked.values() for part in value)
        hit = terms.flag(f"{name} fits", arguments)
        if (name, *arguments) not in self._searches:
            search = _Search(lookup, asked, hit)
            self._searches[name, *arguments] = search
            found, second = self._rows_of(search)
            rows = [self._facts.witness(f"{name} finds", found, arguments)]
            if second is not None:
                rows.append(self._facts.witness(f"{name} through", second, arguments))
            terms.imply(hit, self._fit(search, rows))
            for row in rows:
                self._facts.note(row)
            for known in list(self._facts.entities.values()):
                self._meet(search, known)
        return all_of([hit, *(each.present for each in given)])

    def meet(self, entity: Entity) -> None:
        """Say of each look-up that it holds where an entity fits."""
        for search in list(self._searches.values()):
            self._meet(search, entity)

    def _meet(self, search: _Search, entity: Entity) -> None:
        found, second = self._rows_of(search)
        if second is None:
            if entity.type is found:
                self._facts.terms.imply(self._fit(search, [entity]), search.hit)
            return
        firsts = [entity] if entity.type is found else []
        seconds = [entity] if entity.type is second else []
        pairs = {
            *product(firsts, self._known(second)),
            *product(self._known(found), seconds),
        }
        for pair in sorted(pairs, key=lambda each: (each[0].number, each[1].number)):
            self._facts.terms.imply(self._fit(search, pair), search.hit)

    def _known(self, declared: EntityType) -> list[Entity]:
        return [each for each in self._facts.entities.values() if each.type is declared]

    def _rows_of(self, search: _Search) -> tuple[EntityType, EntityType | None]:
        types, through = self._facts.schema.types, search.lookup.through
        return types[search.lookup.finds], None if through is None else types[through.type]

    def _fit(self, search: _Search, rows: Sequence[Entity]) -> Term:
        """Return that rows fit together, the found one first."""
        lookup, asked, found = search.lookup, search.asked, rows[0]
        parts = [*self._one(found, lookup.where, lookup.clock)]
        for steps, source in lookup.match.items():
            held = self._facts.along(found, steps)
            parts += [held.present, equal(held.value, asked[source])]
        through = lookup.through
        if through is not None:
            second = rows[1]
            parts += self._one(second, through.where, through.clock)
            for name, source in through.match.items():
                held = self._facts.along(second, (name,))
                parts += [held.present, equal(held.value, asked[source])]
            for steps, name in through.joins.items():
                joined = self._facts.same(
                    self._facts.along(found, steps), self._facts.along(second, (name,))
                )
                parts.append(joined)
        return all_of(parts)

    def _one(
        self, row: Entity, where: Mapping[str, Value], clock: Mapping[str, str]
    ) -> Iterator[Term]:
        """Yield what a row has to be, whatever it is looked up by."""
        facts = self._facts
        yield facts.row(row)
        for name, value in where.items():
            wanted = facts.constant(value, row.type.attributes[name].type)
            yield facts.same(facts.along(row, (name,)), wanted)
        for name, sign in clock.items():
            instant, now = facts.along(row, (name,)), facts.comparable(NOW)
            yield instant.present
            yield f"({sign} {instant.value[0]} {now.value[0]})"
