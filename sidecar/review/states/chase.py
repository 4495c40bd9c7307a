"""What follows from answers: the laws that every mount keeps, applied until nothing is new.

The laws are those by which a snapshot is read (`sidecar.facts`, `sidecar.engine.paths`): a
row has its required attributes; a reference that may not dangle leads to something; one key has
one row; a look-up finds a row that matches, and nothing only where none does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.diagram.questions import ACTION, CONTEXT, RESOURCE, SETTINGS, SUBJECT, Path, value_of
from sidecar.review.states.things import (
    ABSENT,
    Absent,
    Contradiction,
    Fact,
    Found,
    Slot,
    Store,
    Thing,
    find,
    settled,
)
from sidecar.schema import Attribute, EntityType, Kind, Lookup, Schema, Value, ValueType

ROOTS = (SUBJECT, RESOURCE)
_DOMAIN = ValueType(Kind.DOMAIN, "domain")


class Chase:
    """One state that is sought for one subject and one resource."""

    def __init__(
        self,
        schema: Schema,
        settings: Mapping[str, Value],
        types: tuple[EntityType, EntityType],
        decided: dict[tuple[object, ...], str],
    ) -> None:
        self.schema = schema
        self.settings = settings
        self.store = Store()
        self.roots = {path: self.store.thing(of) for path, of in zip(ROOTS, types, strict=True)}
        self.said: dict[tuple[Path, str], Slot] = {}
        """What a policy reads of an attribute that a caller may say, by root and name; and the
        properties of the action and the context."""
        self._present: dict[Path, Slot] = {}
        """What is at the paths that are known to have something there."""
        self.found: list[Found] = []
        self._decided = decided
        self.taken: list[tuple[tuple[object, ...], tuple[str, ...]]] = []
        """What was undecided, with its ways, of which the first was taken."""
        self.different: list[tuple[Slot, Slot]] = []
        self.unstored: set[tuple[Path, str]] = set()
        """Of what is said: what a caller said though there is a row, which holds nothing there."""
        self.orders: set[tuple[Fact, Fact, bool]] = set()
        """First, second, and whether strictly: the first is less than the second, or equal."""
        self.preferred: dict[tuple[int, int], tuple[Thing, Thing]] = {}
        """Rows that a look-up finds, with others that it would find too: their keys come first."""

    # --- reading paths ---------------------------------------------------------------------------

    def slot(self, path: Path, *, present: bool) -> Slot | None:
        """Return what is at a path; None where nothing is known of it.

        Args:
            path: Of an entity or a value.
            present: Whether it has a value there, so that all that leads to it exists.

        Raises:
            Contradiction: It is present, and cannot be.
        """
        known = self._present.get(path)
        if known is not None:
            return settled(known)
        slot = self._slot(path, present=present)
        if present and slot is not None:
            self._present[path] = slot
        return slot

    def _slot(self, path: Path, *, present: bool) -> Slot | None:
        if path in self.roots:
            return find(self.roots[path])
        if path[0] == "lookup":
            return self._looked_up(path, present=present)
        base, name = path[1], path[2]
        if base in {ACTION, CONTEXT}:
            return self._said(base, name, self._declared(base, name).type, present=present)
        inner = self.slot(base, present=present)
        if inner is None or isinstance(inner, Absent):
            return inner
        if isinstance(inner, Fact):
            return self.domain_of(inner)
        return self._member(base, inner, name, present=present)

    def operand(self, path: Path, declared: ValueType, *, present: bool) -> Slot | None:
        """Return what an argument of a look-up, or a member of a set, is."""
        if path[0] != "literal":
            return self.slot(path, present=present)
        if declared.kind is Kind.REFERENCE:
            return self._named(self.schema.types[declared.target], path[1])
        return self.store.constant(declared, value_of(declared.kind, path[1]))

    def domain_of(self, address: Fact) -> Fact:
        """Return the domain of an address."""
        address = find(address)
        if address.literal is not None:
            return self.store.constant(_DOMAIN, str(address.literal).rpartition("@")[2])
        if address.part is None:
            address.part = self.store.fact(_DOMAIN)
        return find(address.part)

    def attribute(self, path: Path) -> ValueType:
        """Return the declared type of the value at a path."""
        base, name = path[1], path[2]
        if base in {ACTION, CONTEXT, SETTINGS}:
            return self._declared(base, name).type
        owner = self.type_of(base)
        return _DOMAIN if owner is None else owner.attributes[name].type

    def type_of(self, path: Path) -> EntityType | None:
        """Return the type of the entity at a path; None where a value stands there."""
        if path in self.roots:
            return self.roots[path].type
        if path[0] == "lookup":
            owner = self.type_of(path[1])
            assert owner is not None  # noqa: S101 - only entities are asked look-ups
            return self.schema.types[owner.lookups[path[2]].finds]
        declared = self.attribute(path)
        return self.schema.types[declared.target] if declared.kind is Kind.REFERENCE else None

    def needs_row(self, thing: Thing) -> None:
        """Say that an entity has a row.

        Raises:
            Contradiction: It cannot have one.
        """
        thing = find(thing)
        if thing.row is False or thing.keyless or not thing.type.table:
            raise Contradiction
        thing.row = thing.keyed = True

    def needs_to_exist(self, thing: Thing) -> None:
        """Say that an entity exists: that it has a row, or is implied.

        Raises:
            Contradiction: It cannot exist.
        """
        thing = find(thing)
        self._needs_key(thing)
        if not thing.type.table or thing.row:
            return
        if thing.type.implied is None:
            self.needs_row(thing)
        elif not self.is_implied(thing):
            if self.decide(("row", thing.number), ("row", "implied")) == "row":
                self.needs_row(thing)
            else:
                self._imply(thing)

    def _needs_key(self, thing: Thing) -> None:
        if thing.keyless:
            raise Contradiction
        thing.keyed = True

    def is_implied(self, thing: Thing) -> bool:
        """Tell whether an entity exists without a row."""
        if thing.type.implied is None or thing.keyless:
            return False
        steps, column = thing.type.implied
        slot: Slot | None = thing
        for step in steps:
            if not isinstance(slot, Thing):
                return False
            slot = slot.slots.get(step)
            slot = None if slot is None else settled(slot)
        part = thing.slots.get(column)
        return slot is not None and part is not None and slot is settled(part)

    def decide(self, key: tuple[object, ...], ways: Sequence[str]) -> str:
        """Return how something is taken that can be in several ways; `taken` says what to try."""
        known = self._decided.get(key)
        if known is None:
            known = self._decided[key] = ways[0]
            self.taken.append((key, tuple(ways)))
        return known

    def holds_value(self, attribute: Attribute) -> bool:
        """Tell whether every row has a value of an attribute."""
        return not attribute.optional or attribute.default is not None

    def is_said(self, base: Path, attribute: Attribute) -> bool:
        """Tell whether what a policy reads may be no stored value though there is one: `said`.

        A caller says it, or the resource is to be created and has the default.
        """
        if base not in self.roots:
            return False
        creates = any(action.creates for action in self.roots[base].type.actions.values())
        created = base == RESOURCE and creates and attribute.default is not None
        return attribute.caller or created

    def declared(self, base: Path, name: str) -> Attribute:
        """Return what the schema declares of a member of subject, resource, action or context."""
        if base in self.roots:
            return self.roots[base].type.attributes[name]
        return self._declared(base, name)

    def _declared(self, base: Path, name: str) -> Attribute:
        if base == CONTEXT:
            return self.schema.context[name]
        if base == SETTINGS:
            return self.schema.settings[name]
        actions = self.roots[RESOURCE].type.actions.values()
        return next(each.properties[name] for each in actions if name in each.properties)

    def _said(self, base: Path, name: str, declared: ValueType, *, present: bool) -> Slot | None:
        slot = self.said.get((base, name))
        if slot is None and present:
            slot = self.said[base, name] = self._made(declared)
        if present and isinstance(slot, Absent):
            raise Contradiction
        return None if slot is None else settled(slot)

    def _member(self, base: Path, thing: Thing, name: str, *, present: bool) -> Slot | None:
        attribute = thing.type.attributes[name]
        if name in thing.type.key:
            if present:
                self._needs_key(thing)
            return ABSENT if thing.keyless else self.stored(thing, name)
        if self.is_said(base, attribute):
            return self._said(base, name, attribute.type, present=present)
        if present and attribute.default is not None:
            self.needs_to_exist(thing)
            return self.stored_or_default(thing, name)
        if present:
            self.needs_row(thing)
            return self.stored(thing, name)
        slot = thing.slots.get(name)
        if slot is None and thing.row and self.holds_value(attribute):
            return self.stored(thing, name)
        return None if slot is None else settled(slot)

    def stored_or_default(self, thing: Thing, name: str) -> Slot:
        """Return what is read of what exists or is created: without a row it has the default.

        Raises:
            Contradiction: Its row cannot hold it.
        """
        thing = find(thing)
        if thing.row is None and self.decide(("row of", thing.number), ("row", "none")) == "row":
            self.needs_row(thing)
        if thing.row:
            return self.stored(thing, name)
        attribute = thing.type.attributes[name]
        default = self.store.constant(attribute.type, attribute.default)
        self.store.join(self.stored(thing, name), default)
        return settled(default)

    def stored(self, thing: Thing, name: str) -> Slot:
        """Return what a row, or a key, holds under a name; it holds something.

        Raises:
            Contradiction: It holds nothing there.
        """
        thing = find(thing)
        slot = thing.slots.get(name)
        if slot is None:
            slot = thing.slots[name] = self._made(thing.type.attributes[name].type)
            self._limit(slot, thing.type.attributes[name])
        if isinstance(slot, Absent):
            raise Contradiction
        return settled(slot)

    def _limit(self, slot: Slot, attribute: Attribute) -> None:
        if isinstance(slot, Fact) and attribute.only:
            slot.domain = frozenset(attribute.only)

    def _made(self, declared: ValueType) -> Slot:
        if declared.kind is Kind.REFERENCE:
            return self.store.thing(self.schema.types[declared.target])
        return self.store.fact(declared)

    def _named(self, declared: EntityType, text: str) -> Thing:
        """Return the entity with a literal id."""
        made = self.store.thing(declared)
        parts = text.split("/", len(declared.key) - 1)
        for name, part in zip(declared.key, parts, strict=True):
            column = declared.attributes[name]
            made.slots[name] = (
                self._named(self.schema.types[column.type.target], part)
                if column.type.kind is Kind.REFERENCE
                else self.store.constant(column.type, part)
            )
        return made

    # --- look-ups --------------------------------------------------------------------------------

    def _looked_up(self, path: Path, *, present: bool) -> Slot | None:
        base = self.slot(path[1], present=present)
        if not isinstance(base, Thing):
            return base
        if present:
            self._needs_key(base)
        lookup = base.type.lookups[path[2]]
        arguments = []
        for operand, declared in zip(path[3], lookup.arguments.values(), strict=True):
            argument = self.operand(operand, declared, present=present)
            if argument is None or isinstance(argument, Absent):
                return argument
            arguments.append(argument)
        if base.keyless or any(isinstance(each, Thing) and each.keyless for each in arguments):
            if present:
                raise Contradiction
            return ABSENT
        record = self.record(lookup, base, tuple(arguments))
        if record.nothing:
            if present:
                raise Contradiction
            return ABSENT
        if record.result is None and present:
            record.result = self.store.thing(self.schema.types[lookup.finds])
        return None if record.result is None else find(record.result)

    def record(self, lookup: Lookup, base: Thing, arguments: tuple[Slot, ...]) -> Found:
        """Return what is known of a look-up with these arguments."""
        for record in self.found:
            if record.lookup == lookup.name and find(record.base) is find(base):
                known = map(settled, record.arguments)
                if all(one is settled(two) for one, two in zip(known, arguments, strict=True)):
                    return record
        made = Found(lookup.name, base, arguments)
        self.found.append(made)
        if names_key(self.schema, lookup):
            # Whether it exists or not, its key is what was asked for.
            made.result = self.store.thing(self.schema.types[lookup.finds])
            self.match(made, lookup)
        return made

    def sources(self, record: Found) -> Mapping[str, Slot]:
        """Return what a look-up is asked with, by the names of the schema."""
        lookup = find(record.base).type.lookups[record.lookup]
        return dict(zip(("this", *lookup.arguments), (record.base, *record.arguments), strict=True))

    def match(self, record: Found, lookup: Lookup) -> None:
        """Say that what a look-up finds is what it was asked for."""
        assert record.result is not None  # noqa: S101 - it finds something
        sources = self.sources(record)
        for steps, source in lookup.match.items():
            self._hold(find(record.result), steps, sources[source])
        for name, value in lookup.where.items():
            slot = self.stored(find(record.result), name)
            if isinstance(slot, Fact):
                self.store.fix(slot, value)

    def _hold(self, thing: Thing, steps: tuple[str, ...], source: Slot) -> None:
        for step in steps[:-1]:
            inner = self.stored(thing, step)
            assert isinstance(inner, Thing)  # noqa: S101 - the schema says so
            if steps[-1] not in inner.type.key:
                self.needs_row(inner)
            thing = inner
        name = steps[-1]
        if name not in thing.type.key:
            self.needs_row(thing)
        slot = thing.slots.get(name)
        if slot is None:
            thing.slots[name] = source
            self._limit_again(source, thing.type.attributes[name])
        else:
            self.store.join(slot, source)

    def _limit_again(self, slot: Slot, attribute: Attribute) -> None:
        if isinstance(slot, Fact) and attribute.only:
            fact = find(slot)
            only = frozenset(attribute.only)
            fact.domain = only if fact.domain is None else fact.domain & only

    def _imply(self, thing: Thing) -> None:
        assert thing.type.implied is not None  # noqa: S101 - asked before
        steps, column = thing.type.implied
        self._hold(thing, steps, self.stored(thing, column))


def names_key(schema: Schema, lookup: Lookup) -> bool:
    """Tell whether a look-up is by the whole key, so that the key is known without a row."""
    columns = {steps[0] for steps in lookup.match if len(steps) == 1}
    whole = len(lookup.match) == len(columns) and columns == set(schema.types[lookup.finds].key)
    return whole and not lookup.where
