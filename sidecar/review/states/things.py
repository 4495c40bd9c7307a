"""What a state is made of while it is sought: entities and values, known in part.

Nothing is equal until it has to be: entities and values that are said to be the same are joined,
and what follows from that is joined too. So the state that is found is the one with the fewest
equalities, and if that one contradicts a denial every other does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar, Union

from sidecar.schema.model import EntityType, Kind, Scalar, Value, ValueType


class Contradiction(Exception):  # noqa: N818 - it is a finding, not an error
    """No state has all these answers."""


class Unsettled(Exception):  # noqa: N818 - it is a finding, not an error
    """What follows has no end in sight: whether there is such a state cannot be said."""


class Absent:
    """What an attribute holds that has no value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()
Slot = Union["Thing", "Fact", Absent]
S = TypeVar("S", "Thing", "Fact")


@dataclass(eq=False, slots=True)
class Fact:
    """One value, known in part."""

    type: ValueType
    number: int
    joined: Fact | None = None
    literal: Value = None
    """The value, once it is known."""
    domain: frozenset[str] | None = None
    """Of an enum or a flag: the values that are left, in their text form; None: every one."""
    excluded: set[Value] = field(default_factory=set)
    intervals: list[tuple[Bound, Bound]] | None = None
    """Of a number: where it can lie; None: everywhere."""
    within: list[tuple[frozenset[Scalar], bool]] = field(default_factory=list)
    """Sets of the settings, and whether they hold the value."""
    members: list[tuple[Slot, bool]] = field(default_factory=list)
    """Of a set: what it holds, and what it does not hold."""
    part: Fact | None = None
    """Of an address: its domain."""


@dataclass(eq=False, slots=True)
class Thing:
    """One entity, known in part. Two that are not joined have different keys."""

    type: EntityType
    number: int
    joined: Thing | None = None
    row: bool | None = None
    """Whether it has a row, once that is known."""
    keyless: bool = False
    """Whether its id is none that an entity of its type can have."""
    keyed: bool = False
    """Whether it must have a key."""
    slots: dict[str, Slot] = field(default_factory=dict)
    """What is known of the row and of the key; the key of a single column is a `Fact`."""


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """A point between numbers: just below `value` (side 0), or just above it (side 1)."""

    infinite: int
    """-1: below everything; 1: above everything; 0: at `value`."""
    value: Any = 0
    side: int = 0


LOWEST, HIGHEST = Bound(-1), Bound(1)


@dataclass(eq=False, slots=True)
class Found:
    """What one look-up finds for one entity and these arguments."""

    lookup: str
    base: Thing
    arguments: tuple[Slot, ...]
    result: Thing | None = None
    """None: it finds nothing, or that is not known yet."""
    nothing: bool = False


class Store:
    """All entities and values of one state, with what was joined."""

    def __init__(self) -> None:
        self._numbers = count()
        self.things: list[Thing] = []
        self.facts: list[Fact] = []
        self._constants: dict[tuple[Kind, str, Value], Fact] = {}

    def thing(self, declared: EntityType) -> Thing:
        """Make an entity of which nothing is known."""
        made = Thing(declared, next(self._numbers))
        self.things.append(made)
        return made

    def fact(self, declared: ValueType) -> Fact:
        """Make a value of which nothing is known."""
        made = Fact(declared, next(self._numbers))
        self.facts.append(made)
        return made

    def constant(self, declared: ValueType, value: Value) -> Fact:
        """Return the value that is this one; equal values of one type are one fact."""
        key = (declared.kind, declared.name, value)
        if key not in self._constants:
            self._constants[key] = self.fact(declared)
            self._constants[key].literal = value
        return find(self._constants[key])

    def fix(self, fact: Fact, value: Value) -> None:
        """Say which value a fact is.

        Raises:
            Contradiction: It is another one.
        """
        self.join(fact, self.constant(find(fact).type, value))

    def join(self, left: Slot, right: Slot) -> None:
        """Say that two are the same, and all that follows.

        Raises:
            Contradiction: They cannot be.
        """
        if isinstance(left, Thing) and isinstance(right, Thing):
            self._join_things(find(left), find(right))
        elif isinstance(left, Fact) and isinstance(right, Fact):
            self._join_facts(find(left), find(right))
        elif left is not right:
            raise Contradiction

    def _join_things(self, left: Thing, right: Thing) -> None:
        if left is right:
            return
        if left.type.name != right.type.name or (
            left.row is not None and right.row is not None and left.row != right.row
        ):
            raise Contradiction
        right.joined = left
        left.row = right.row if left.row is None else left.row
        left.keyless = left.keyless or right.keyless
        left.keyed = left.keyed or right.keyed
        for name, slot in right.slots.items():
            if name in left.slots:
                self.join(left.slots[name], slot)
            else:
                left.slots[name] = slot

    def _join_facts(self, left: Fact, right: Fact) -> None:
        if left is right:
            return
        if left.type.kind is not right.type.kind:
            raise Contradiction
        if left.literal is not None and right.literal is not None and left.literal != right.literal:
            raise Contradiction
        right.joined = left
        left.literal = right.literal if left.literal is None else left.literal
        if right.domain is not None:
            left.domain = right.domain if left.domain is None else left.domain & right.domain
        left.excluded |= right.excluded
        if right.intervals is not None:
            left.intervals = meet(left.intervals, right.intervals)
        left.within += right.within
        left.members += right.members
        if left.part is not None and right.part is not None:
            self.join(left.part, right.part)
        left.part = left.part or right.part


def find(slot: S) -> S:
    """Return what a thing or a fact was joined to."""
    while slot.joined is not None:
        slot = slot.joined
    return slot


def settled(slot: Slot) -> Slot:
    """Return what stands in a slot, after all joining."""
    while not isinstance(slot, Absent) and slot.joined is not None:
        slot = slot.joined
    return slot


def meet(
    left: list[tuple[Bound, Bound]] | None, right: list[tuple[Bound, Bound]]
) -> list[tuple[Bound, Bound]]:
    """Return where two lists of intervals overlap."""
    if left is None:
        return right
    return [
        (max(low, other_low), min(high, other_high))
        for low, high in left
        for other_low, other_high in right
        if max(low, other_low) < min(high, other_high)
    ]
