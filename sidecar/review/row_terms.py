"""The rows of any mount as terms of a solver, under the laws by which a snapshot is built.

A row has its required attributes, a reference that may not dangle leads to something, and one key
has one row. The laws of look-ups are in `sidecar.review.lookup_terms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sidecar.review.formulas import FALSE, TRUE, Term, Terms, all_of, any_of, equal
from sidecar.review.lookup_terms import LookupTerms
from sidecar.review.set_terms import SetTerms
from sidecar.review.terms import Vocabulary
from sidecar.schema import Attribute, EntityType, Kind, Schema, Value, ValueType


@dataclass(frozen=True, slots=True)
class Reading:
    """What is at a path."""

    value: Terms
    """Of an entity its key; it says nothing where nothing is present."""
    present: Term


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """What a key of a type names, whether it exists or not."""

    type: EntityType
    key: Terms

    @property
    def number(self) -> tuple[str, ...]:
        """What tells it from others; two with different ones may be the same all the same."""
        return (self.type.name, *self.key)


class RowTerms:
    """The rows of which a state speaks."""

    def __init__(self, schema: Schema, terms: Vocabulary, now: Callable[[], Reading]) -> None:
        """Prepare to name rows.

        Args:
            schema: What declares them.
            terms: Of the state.
            now: Returns the time of the request, with which look-ups compare instants.
        """
        self.schema = schema
        self.terms = terms
        self.now = now
        self.entities: dict[tuple[str, ...], Entity] = {}
        """Those that paths lead to; the laws of look-ups are said of them."""
        self.rows: dict[tuple[str, ...], Entity] = {}
        """Those of which it matters whether they have a row."""
        self.sets = SetTerms(terms, lambda value, declared: self.constant(value, declared).value)
        self.lookups = LookupTerms(self)
        self._columns: dict[tuple[str, ...], tuple[Entity, Attribute, Reading]] = {}

    def constant(self, value: Value, declared: ValueType) -> Reading:
        """Return a value of a type that is always the same."""
        if value is None:
            return Reading((), FALSE)
        if isinstance(value, frozenset):
            return Reading(self.sets.known(value, declared), TRUE)
        parts = value if isinstance(value, tuple) else (value,)
        kinds = self._kinds(Attribute(name="", type=declared))
        pairs = zip(kinds, parts, strict=True)
        return Reading(
            tuple(self.terms.literal(kind.type.kind, part) for kind, part in pairs), TRUE
        )

    def first(self, preferred: Reading, other: Reading) -> Reading:
        """Return a value, or another one where it is absent."""
        if other.present == FALSE:
            return preferred
        value = self.terms.choose(preferred.present, preferred.value, other.value)
        return Reading(value, any_of([preferred.present, other.present]))

    def given(self, condition: Term, value: Reading) -> Reading:
        """Return a value where a condition holds, and absent elsewhere."""
        return Reading(value.value, all_of([condition, value.present]))

    def same(self, left: Reading, right: Reading) -> Term:
        """Tell whether two values are there and equal."""
        return all_of([left.present, right.present, equal(left.value, right.value)])

    def witness(self, name: str, declared: EntityType, arguments: Terms) -> Entity:
        """Return an entity of a type that depends on these terms and on nothing else."""
        key = tuple(
            self.plain(f"{name} {column}", declared.attributes[column], arguments)[0]
            for column in declared.key
        )
        return Entity(declared, key)

    def row(self, entity: Entity) -> Term:
        """Return whether an entity has a row."""
        declared = entity.type
        if not declared.table:
            return FALSE
        row = self.terms.flag(f"row of {declared.name}", entity.key)
        if entity.number not in self.rows:
            self.rows[entity.number] = entity
            for part, column in zip(entity.key, declared.key, strict=True):
                self.terms.imply(row, self.terms.is_proper(part))
                self.refer(row, declared.attributes[column], (part,))
        return row

    def is_there(self, entity: Entity) -> Term:
        """Return whether what a key names exists, as rows see it."""
        declared = entity.type
        if not declared.table:
            return TRUE
        row = self.row(entity)
        if declared.implied is None:
            return row
        steps, column = declared.implied
        reach = self.along(entity, steps)
        part = (entity.key[declared.key.index(column)],)
        implied = all_of([reach.present, equal(reach.value, part)])
        return any_of([row, implied])

    def cell(self, entity: Entity, name: str) -> Reading:
        """Return what the row of an entity holds, defaults apart."""
        declared, attribute = entity.type, entity.type.attributes[name]
        if name in declared.key:
            part = entity.key[declared.key.index(name)]
            return Reading((part,), self.row(entity))
        number = (name, *entity.number)
        if number not in self._columns:
            terms, named = self.terms, f"{declared.name}.{name}"
            value = self.plain(named, attribute, entity.key)
            has = self.row(entity)
            if attribute.optional:
                has = all_of([has, terms.flag(f"has {named}", entity.key)])
            self._columns[number] = (entity, attribute, Reading(value, has))
            self.refer(has, attribute, value)
        return self._columns[number][2]

    def known_cell(self, entity: Entity, name: str) -> Reading | None:
        """Return what a row holds, if that was read of it."""
        if name in entity.type.key:
            return self.cell(entity, name)
        known = self._columns.get((name, *entity.number))
        return None if known is None else known[2]

    def stored(self) -> Iterator[tuple[Entity, Attribute, Reading]]:
        """Yield all that was read of rows, keys apart, entity by entity."""
        order = {number: at for at, number in enumerate(self.entities)}
        columns = self._columns.values()
        yield from sorted(columns, key=lambda each: order.get(each[0].number, len(order)))

    def along(self, entity: Entity, steps: tuple[str, ...]) -> Reading:
        """Return what a path of a look-up leads to from a row, or from a key."""
        first = self.cell(entity, steps[0])
        declared, attribute = entity.type, entity.type.attributes[steps[0]]
        if steps[0] in declared.key:
            first = Reading(first.value, TRUE)
        if len(steps) == 1:
            return self._or_default(first, attribute, self.row(entity))
        target = Entity(self.schema.types[attribute.type.target], first.value)
        second = self.cell(target, steps[1])
        if steps[1] in target.type.key:
            return Reading(second.value, first.present)
        second = self._or_default(second, target.type.attributes[steps[1]], self.is_there(target))
        return Reading(second.value, all_of([first.present, second.present]))

    def _or_default(self, held: Reading, attribute: Attribute, exists: Term) -> Reading:
        default = self.constant(attribute.default, attribute.type)
        return self.first(held, self.given(exists, default))

    def note(self, entity: Entity) -> None:
        """Say what look-ups make of an entity, once."""
        number = entity.number
        if number in self.entities or not entity.type.table:
            return
        others = [each for each in self.entities.values() if each.type.name == entity.type.name]
        self.entities[number] = entity
        self.row(entity)
        self.lookups.meet(entity, others)

    def plain(self, name: str, attribute: Attribute, owner: Terms) -> Terms:
        """Return a value of the type of an attribute: of an entity as many terms as its key has."""
        made = []
        for at, part in enumerate(self._kinds(attribute)):
            term = self.terms.value(f"{name} {at}" if at else name, part.type.kind, owner)
            self.terms.limit(term, part)
            if attribute.type.kind is Kind.REFERENCE and part.type.kind is Kind.STRING:
                self.terms.say(self.terms.is_proper(term))
            made.append(term)
        return tuple(made)

    def _kinds(self, attribute: Attribute) -> Iterator[Attribute]:
        """Yield what a value is made of: of an entity its key columns, else the attribute."""
        if attribute.type.kind is not Kind.REFERENCE:
            yield attribute
            return
        target = self.schema.types[attribute.type.target]
        for column in target.key:
            yield from self._kinds(target.attributes[column])

    def refer(self, has: Term, attribute: Attribute, value: Terms) -> None:
        """Say that a reference leads to something, where there is one."""
        if attribute.type.kind is Kind.REFERENCE:
            target = Entity(self.schema.types[attribute.type.target], value)
            if not attribute.may_dangle:
                self.terms.imply(has, self.is_there(target))
            if any(part.type.kind is Kind.ENUM for part in self._kinds(attribute)):
                self.note(target)  # of which there are but few
