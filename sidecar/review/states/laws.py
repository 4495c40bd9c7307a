"""The laws that every mount keeps, applied to a state that is sought until nothing is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sidecar.diagram.questions import ACTION, CONTEXT, Path
from sidecar.review.states.chase import ROOTS, Chase, names_key
from sidecar.review.states.things import (
    ABSENT,
    Absent,
    Contradiction,
    Fact,
    Found,
    Slot,
    Thing,
    Unsettled,
    find,
    settled,
)
from sidecar.schema import Kind, Lookup, Value
from sidecar.schema.model import Scalar

FINITE = frozenset({Kind.ENUM, Kind.BOOLEAN})
MOST_ROUNDS = 60
"""Of applying all laws; each round makes something equal or known, and few states need ten."""


class Laws:
    """Applies the laws to one state."""

    def __init__(self, chase: Chase) -> None:
        self._chase = chase
        self._refusing = [
            (declared, lookup)
            for declared in chase.schema.types.values()
            for lookup in declared.lookups.values()
            if lookup.several == "refuse" and not names_key(chase.schema, lookup)
        ]

    def apply(self, denied: Mapping[Path, str]) -> None:
        """Apply all laws, and what is denied, until nothing is new.

        Args:
            denied: Paths to ``exists`` or ``present``, of what is not there.

        Raises:
            Contradiction: There is no such state.
            Unsettled: Nobody can say whether there is one.
        """
        before: object = None
        for _ in range(MOST_ROUNDS):
            after = self._signature()
            if after == before:
                return
            before = after
            for path, what in denied.items():
                self._deny(path, what)
            self._references()
            self._keys()
            self._lookups()
            self._said()
            self._facts()
        raise Unsettled

    def _signature(self) -> object:
        store, found = self._chase.store, self._chase.found
        return (
            len(store.facts),
            sum(thing.joined is None for thing in store.things),
            sum(fact.joined is None for fact in store.facts),
            sum(thing.row is not None for thing in store.things),
            sum(len(thing.slots) for thing in store.things),
            sum(len(fact.excluded) for fact in store.facts),
            sum(fact.literal is not None for fact in store.facts),
            sum((record.result is not None) + 2 * record.nothing for record in found),
            len(found),
            len(self._chase.said),
            len(self._chase.orders),
        )

    # --- what is not there -----------------------------------------------------------------------

    def _deny(self, path: Path, what: str) -> None:
        if what == "exists":
            slot = self._chase.slot(path, present=False)
            if path in ROOTS and isinstance(slot, Thing) and not slot.type.table:
                self._without_key(slot)
            elif isinstance(slot, Thing):
                self._without_row(slot)
            elif slot is None and path[0] == "lookup":
                self._finds_nothing(path)
        elif path[1] in {ACTION, CONTEXT}:
            self._deny_said(path)
        elif path[1] in ROOTS:
            self._deny_of_root(path, find(self._chase.roots[path[1]]))
        else:
            self._deny_stored(path)

    def _deny_of_root(self, path: Path, root: Thing) -> None:
        chase, attribute = self._chase, root.type.attributes[path[2]]
        if path[2] in root.type.key:
            self._without_key(root)
        elif chase.is_said(path[1], attribute) and attribute.default is not None:
            self._deny_default(path, root)
        elif attribute.caller:
            self._deny_said(path)
            stored = root.slots.get(path[2])
            if stored is not None and not isinstance(stored, Absent):
                raise Contradiction
            if root.row and self._chase.holds_value(attribute):
                raise Contradiction
            root.slots.setdefault(path[2], ABSENT)
        else:
            self._deny_stored(path)

    def _deny_default(self, path: Path, root: Thing) -> None:
        """Say that what has a default is absent: it does not exist, or a caller says nonsense."""
        chase, name = self._chase, path[2]
        attribute = root.type.attributes[name]
        self._deny_said(path)
        if root.keyless or not (root.row or not root.type.table or chase.is_implied(root)):
            return
        if not attribute.caller or attribute.type.kind is Kind.BOOLEAN:
            raise Contradiction
        if root.row:  # which holds nothing there, and everybody else reads the default
            default = chase.store.constant(attribute.type, attribute.default)
            chase.store.join(chase.stored(root, name), default)
            chase.unstored.add((path[1], name))

    def _deny_said(self, path: Path) -> None:
        if not isinstance(self._chase.said.setdefault((path[1], path[2]), ABSENT), Absent):
            raise Contradiction

    def _deny_stored(self, path: Path) -> None:
        base = self._chase.slot(path[1], present=False)
        if not isinstance(base, Thing):
            return
        if path[2] in base.type.key:
            # The key of what a look-up by the whole key asks for is known, though it may not exist.
            if path[1][0] != "lookup" and not base.keyless:
                raise Contradiction
            self._without_row(base)
        else:
            needed = base.row and self._chase.holds_value(base.type.attributes[path[2]])
            if needed or not isinstance(base.slots.setdefault(path[2], ABSENT), Absent):
                raise Contradiction

    def _without_key(self, root: Thing) -> None:
        certain = root.type.table and root.type.keeps_any_id
        if certain or root.keyed:
            raise Contradiction
        root.row = False
        root.keyless = True

    def _without_row(self, thing: Thing) -> None:
        if thing.keyless:
            return
        if not thing.type.table:
            raise Contradiction
        if thing.row or self._chase.is_implied(thing):
            raise Contradiction
        thing.row = False

    def _finds_nothing(self, path: Path) -> None:
        chase = self._chase
        base = chase.slot(path[1], present=False)
        if not isinstance(base, Thing):
            return
        lookup = base.type.lookups[path[2]]
        arguments = []
        for operand, declared in zip(path[3], lookup.arguments.values(), strict=True):
            argument = chase.operand(operand, declared, present=False)
            if argument is None or isinstance(argument, Absent):
                return
            arguments.append(argument)
        record = chase.record(lookup, base, tuple(arguments))
        if record.result is None:
            record.nothing = True
        else:
            self._without_row(find(record.result))

    # --- rows, references and keys ---------------------------------------------------------------

    def _things(self) -> list[Thing]:
        return [thing for thing in self._chase.store.things if thing.joined is None]

    def _references(self) -> None:
        for thing in self._things():
            if not thing.row:
                continue
            for name, slot in list(thing.slots.items()):
                attribute = thing.type.attributes[name]
                if attribute.may_dangle:
                    continue
                if isinstance(slot, Thing):
                    self._chase.needs_to_exist(find(slot))
                elif isinstance(slot, Fact) and attribute.type.kind is Kind.SET:
                    for member, is_in in find(slot).members:
                        if is_in and isinstance(member, Thing):
                            self._chase.needs_to_exist(find(member))

    def _keys(self) -> None:
        """Join entities of one type with one key."""
        known: dict[tuple[object, ...], Thing] = {}
        for thing in self._things():
            if thing.joined is not None or thing.keyless:
                continue
            parts = [thing.slots.get(column) for column in thing.type.key]
            if None in parts:
                continue
            key = (thing.type.name, *(id(settled(part)) for part in parts if part is not None))
            other = known.setdefault(key, thing)
            if find(other) is not find(thing):
                self._chase.store.join(find(other), find(thing))

    # --- look-ups --------------------------------------------------------------------------------

    def _lookups(self) -> None:
        chase = self._chase
        self._same_lookups()
        for record in list(chase.found):
            lookup = find(record.base).type.lookups[record.lookup]
            by_key = names_key(chase.schema, lookup)
            if record.result is not None and not by_key:
                chase.needs_row(find(record.result))
                chase.match(record, lookup)
            if by_key:
                continue
            for row in self._rows(lookup):
                self._meet(record, lookup, row)
        for declared, lookup in self._refusing:
            self._refuse(declared.name, lookup)

    def _rows(self, lookup: Lookup) -> Iterator[Thing]:
        return (each for each in self._things() if each.row and each.type.name == lookup.finds)

    def _same_lookups(self) -> None:
        known: dict[tuple[object, ...], Found] = {}
        for record in list(self._chase.found):
            key = (
                record.lookup,
                id(find(record.base)),
                *(id(settled(each)) for each in record.arguments),
            )
            other = known.setdefault(key, record)
            if other is record:
                continue
            self._chase.found.remove(record)
            other.nothing = other.nothing or record.nothing
            if record.result is not None and other.result is not None:
                self._chase.store.join(find(other.result), find(record.result))
            other.result = other.result or record.result
            if other.nothing and other.result is not None:
                raise Contradiction

    def _meet(self, record: Found, lookup: Lookup, row: Thing) -> None:
        """Say what a row means for a look-up that it matches, or may match."""
        if record.result is not None and find(record.result) is row:
            return
        open_ones = self._mismatch(record, lookup, row)
        if open_ones is None:
            return
        if record.nothing:
            self._avoid(open_ones)
            return
        where = (find(record.base).number, record.lookup, row.number)
        if open_ones and self._chase.decide(("match", *where), ("no", "yes")) == "no":
            self._avoid(open_ones)
            return
        for fact, value in open_ones:
            self._chase.store.fix(fact, value)
        if record.result is None:  # it finds this row, or one that it prefers
            ways = ("it",) if lookup.several == "refuse" else ("it", "another")
            if len(ways) == 1 or self._chase.decide(("finds", *where), ways) == "it":
                record.result = row
                return
            record.result = self._chase.store.thing(row.type)
            self._chase.needs_row(record.result)
        self._prefer(record, lookup, row)

    def _avoid(self, open_ones: list[tuple[Fact, Value]]) -> None:
        """Say that a row does not match: one of its values has to be another."""
        if not open_ones:
            raise Contradiction
        at = 0
        if len(open_ones) > 1:
            numbers = tuple(fact.number for fact, _ in open_ones)
            ways = tuple(map(str, range(len(open_ones))))
            at = int(self._chase.decide(("avoid", *numbers), ways))
        fact, value = open_ones[at]
        fact.excluded.add(value)

    def _prefer(self, record: Found, lookup: Lookup, row: Thing) -> None:
        """Say that a look-up prefers what it found to another row that matches."""
        chase = self._chase
        assert record.result is not None  # noqa: S101 - it found something
        found = find(record.result)
        if lookup.several == "refuse":
            chase.store.join(found, row)
            return
        chase.preferred[found.number, row.number] = (found, row)
        if lookup.order:
            mine, other = found.slots.get(lookup.order), row.slots.get(lookup.order)
            if isinstance(mine, Fact):
                self._order(lookup, find(mine), row)
            elif isinstance(other, Fact) and lookup.several == "earliest":
                # What has no such moment is later than all others.
                found.slots[lookup.order] = chase.stored(found, lookup.order)

    def _order(self, lookup: Lookup, mine: Fact, row: Thing) -> None:
        chase = self._chase
        if lookup.several == "latest":
            other = chase.stored(row, lookup.order)  # absent would be later
            if isinstance(other, Fact):
                chase.orders.add((other, mine, False))
        else:
            slot = row.slots.get(lookup.order)
            if isinstance(slot, Fact):
                chase.orders.add((mine, find(slot), False))

    def _refuse(self, type_name: str, lookup: Lookup) -> None:
        """Join rows that a look-up of the schema would find together."""
        known: dict[tuple[object, ...], Thing] = {}
        for row in self._rows(lookup):
            parts: list[Slot] = []
            for steps in lookup.match:
                slot = self._reach(row, steps)
                if slot is None:
                    break
                parts.append(slot)
            else:
                if not self._fits_where(row, lookup):
                    continue
                key = (type_name, lookup.name, *map(id, parts))
                other = known.setdefault(key, row)
                if find(other) is not find(row):
                    self._chase.store.join(find(other), find(row))

    def _fits_where(self, row: Thing, lookup: Lookup) -> bool:
        for name, value in lookup.where.items():
            slot = row.slots.get(name)
            if not isinstance(slot, Fact) or find(slot).literal != value:
                return False
        return True

    def _mismatch(
        self, record: Found, lookup: Lookup, row: Thing
    ) -> list[tuple[Fact, Value]] | None:
        """Return the values on which it depends whether a row matches; None where it does not."""
        open_ones: list[tuple[Fact, Value]] = []
        sources = self._chase.sources(record)
        for steps, source in lookup.match.items():
            slot, wanted = self._reach(row, steps), settled(sources[source])
            if slot is wanted:
                continue
            if (
                isinstance(slot, Fact)
                and isinstance(wanted, Fact)
                and slot.type.kind in FINITE
                and slot.literal is None
                and wanted.literal is not None
            ):
                open_ones.append((slot, wanted.literal))
                continue
            return None
        for name, value in lookup.where.items():
            attribute = row.type.attributes[name]
            slot = (
                self._chase.stored(row, name)
                if self._chase.holds_value(attribute)
                else row.slots.get(name)
            )
            if not isinstance(slot, Fact):
                return None
            fact = find(slot)
            if fact.literal is None and fact.type.kind in FINITE:
                if value in fact.excluded:
                    return None
                open_ones.append((fact, value))
            elif fact.literal != value:
                return None
        return open_ones

    def _reach(self, row: Thing, steps: tuple[str, ...]) -> Slot | None:
        slot: Slot | None = row
        for step in steps:
            if not isinstance(slot, Thing):
                return None
            slot = slot.slots.get(step)
            slot = None if slot is None else settled(slot)
        return None if isinstance(slot, Absent) else slot

    # --- what a caller says, and values ----------------------------------------------------------

    def _said(self) -> None:
        """Let a stored value win over one that a caller says."""
        chase = self._chase
        for (root, name), slot in list(chase.said.items()):
            if root not in chase.roots or isinstance(slot, Absent):
                continue
            thing = find(chase.roots[root])
            attribute = thing.type.attributes[name]
            stored = thing.slots.get(name)
            if not attribute.caller:  # of what is to be created there is but the default
                chase.store.join(slot, chase.stored_or_default(thing, name))
                continue
            if isinstance(stored, Absent) or not thing.row or (root, name) in chase.unstored:
                continue
            if attribute.default is not None:
                if chase.decide(("said", root, name), ("stored", "said")) == "stored":
                    chase.store.join(slot, chase.stored(thing, name))
                else:
                    # Everybody else reads the default there.
                    default = chase.store.constant(attribute.type, attribute.default)
                    chase.store.join(chase.stored(thing, name), default)
                    chase.unstored.add((root, name))
            elif stored is not None or not attribute.optional:
                chase.store.join(slot, chase.stored(thing, name))

    def _facts(self) -> None:
        for fact in self._chase.store.facts:
            if fact.joined is None:
                self._fact(fact)

    def _fact(self, fact: Fact) -> None:
        if fact.type.kind in FINITE and (fact.domain is not None or fact.excluded or fact.within):
            left = finite_values(fact)
            if not left:
                raise Contradiction
            if len(left) == 1 and fact.literal is None:
                self._chase.store.fix(fact, next(iter(left)))
                fact = find(fact)
        if fact.literal is not None:
            if fact.literal in fact.excluded or not fits(fact, fact.literal):
                raise Contradiction
            if fact.part is not None:
                part, fact.part = fact.part, None
                self._chase.store.join(part, self._chase.domain_of(fact))
        met: dict[int, bool] = {}
        for member, is_in in fact.members:
            if met.setdefault(id(settled(member)), is_in) is not is_in:
                raise Contradiction


def finite_values(fact: Fact) -> set[Value]:
    """Return the values that are left of an enum or a flag."""
    values: set[Value] = {True, False} if fact.type.kind is Kind.BOOLEAN else {*fact.type.values}
    if fact.literal is not None:
        values &= {fact.literal}
    if fact.domain is not None:
        values = {each for each in values if _text(each) in fact.domain}
    return {each for each in values - fact.excluded if fits(fact, each)}


def fits(fact: Fact, value: Value) -> bool:
    """Tell whether a value agrees with the sets of the settings that should, or not, hold it."""
    return all(_holds(fact.type.kind, members, value) is is_in for members, is_in in fact.within)


def _holds(kind: Kind, members: frozenset[Scalar], value: Value) -> bool:
    if kind is not Kind.DOMAIN:
        return value in members
    domain = str(value)  # a domain stands for its subdomains too
    while domain not in members:
        _, dot, domain = domain.partition(".")
        if not dot:
            return False
    return True


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
