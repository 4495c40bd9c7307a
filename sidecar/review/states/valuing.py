"""Values for what is known in part: one for each fact, so that all that is said of them holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sidecar.review.states.chase import Chase
from sidecar.review.states.laws import FINITE, finite_values, fits
from sidecar.review.states.things import (
    HIGHEST,
    LOWEST,
    Bound,
    Contradiction,
    Fact,
    Thing,
    find,
    settled,
)
from sidecar.schema import Kind, Value
from sidecar.schema.model import ORDERED

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""The moment of a state in which no moment matters."""
_TICK = timedelta(microseconds=1)
_LARGEST = 2**63 - 1
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, tzinfo=UTC)
Number = Any
"""An integer, the microseconds of an instant, or a decimal."""


class Valuing:
    """Chooses the values of one state."""

    def __init__(self, chase: Chase) -> None:
        self._chase = chase
        self.values: dict[Fact, Value] = {}
        self._width = len(str(len(chase.store.things)))
        """Digits of names, so that they sort as they count."""

    def assign(self) -> None:
        """Choose all values.

        Raises:
            Contradiction: There are none.
        """
        facts = [fact for fact in self._chase.store.facts if fact.joined is None]
        numbers = [fact for fact in facts if fact.type.kind in ORDERED]
        self.values.update(_Numbers(self._chase, numbers).values())
        others = [fact for fact in facts if fact.type.kind not in {*ORDERED, Kind.SET, Kind.EMAIL}]
        self._choose(others)
        self._addresses([fact for fact in facts if fact.type.kind is Kind.EMAIL])
        for left, right in self._chase.different:
            if isinstance(left, Fact) and isinstance(right, Fact):
                one, two = self.values.get(find(left)), self.values.get(find(right))
                if one is not None and one == two:
                    raise Contradiction

    def value(self, fact: Fact) -> Value:
        """Return the value of a fact that is no set."""
        return self.values[find(fact)]

    # --- texts, enums and flags ------------------------------------------------------------------

    def _choose(self, facts: Sequence[Fact]) -> None:
        candidates = {fact: list(self._candidates(fact)) for fact in facts}
        if not all(candidates.values()):
            raise Contradiction
        rivals: dict[Fact, set[Fact]] = {fact: set() for fact in facts}
        for left, right in self._pairs():
            if left in rivals and right in rivals:
                rivals[left].add(right)
                rivals[right].add(left)
        for fact in facts:
            if not rivals[fact]:
                self.values[fact] = candidates[fact][0]
        tied = sorted(
            (fact for fact in facts if rivals[fact]), key=lambda fact: len(candidates[fact])
        )
        if not self._search(tied, candidates, rivals):
            raise Contradiction

    def _search(
        self,
        tied: Sequence[Fact],
        candidates: dict[Fact, list[Value]],
        rivals: dict[Fact, set[Fact]],
    ) -> bool:
        if not tied:
            return True
        fact, *rest = tied
        for value in candidates[fact]:
            if all(self.values.get(rival) != value for rival in rivals[fact]):
                self.values[fact] = value
                if self._search(rest, candidates, rivals):
                    return True
                del self.values[fact]
        return False

    def _pairs(self) -> Iterator[tuple[Fact, Fact]]:
        """Yield facts that must differ: those that are said to, and keys of one column."""
        for left, right in self._chase.different:
            if isinstance(left, Fact) and isinstance(right, Fact):
                yield find(left), find(right)
        keys: dict[str, list[Fact]] = {}
        for thing in self._chase.store.things:
            if thing.joined is None and len(thing.type.key) == 1:
                slot = thing.slots.get(thing.type.key[0])
                if isinstance(slot, Fact):
                    keys.setdefault(thing.type.name, []).append(find(slot))
        for held in keys.values():
            yield from (
                (one, two) for at, one in enumerate(held) for two in held[:at] if one is not two
            )

    def _candidates(self, fact: Fact) -> Iterator[Value]:
        if fact.literal is not None:
            if fact.literal not in fact.excluded and fits(fact, fact.literal):
                yield fact.literal
        elif fact.type.kind in FINITE:
            yield from sorted(finite_values(fact), key=str)
        else:
            for value in self._texts(fact):
                if value not in fact.excluded and fits(fact, value):
                    yield value

    def _texts(self, fact: Fact) -> Iterator[str]:
        within = [members for members, is_in in fact.within if is_in]
        if not within:
            yield self._fresh(fact)
            return
        for member in sorted(map(str, within[0])):
            yield member
            if fact.type.kind is Kind.DOMAIN:
                yield f"{self._fresh(fact)}.{member}"

    def _fresh(self, fact: Fact) -> str:
        """Return a text that nobody else has."""
        if fact.type.kind is Kind.DOMAIN:
            return f"place{fact.number}.example"
        return f"text{fact.number}"

    def _addresses(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.literal is not None:
                value: Value = fact.literal
            else:
                part = fact.part
                domain = f"place{fact.number}.example" if part is None else self.values[find(part)]
                value = f"person{fact.number}@{domain}"
            if value in fact.excluded or not fits(fact, value):
                raise Contradiction
            self.values[fact] = value

    def name_keys(self) -> None:
        """Give every entity whose key is a text of which nothing is known a name that tells it."""
        counts: dict[str, int] = {}
        later = _later(self._chase)
        known = {thing: text for thing in later if (text := self._known_key(thing)) is not None}
        behind: dict[Thing, list[str]] = {}
        for thing, text in known.items():
            for each in _reached(thing, later):
                behind.setdefault(each, []).append(text)
        for thing in _in_order(self._chase, later):
            if len(thing.type.key) == 1:
                before = [
                    text
                    for each in _reached(thing, later)
                    if (text := self._known_key(each)) is not None
                ]
                self._name(thing, counts, behind.get(thing, ()), before)

    def _known_key(self, thing: Thing) -> str | None:
        """Return the key that a rule names; None where it is open, or of several columns."""
        slot = thing.slots.get(thing.type.key[0]) if len(thing.type.key) == 1 else None
        text = find(slot).literal if isinstance(slot, Fact) else None
        return text if isinstance(text, str) else None

    def _name(
        self,
        thing: Thing,
        counts: dict[str, int],
        behind: Sequence[str],
        before: Sequence[str],
    ) -> None:
        """Name a thing whose key sorts behind some known keys, and before others."""
        slot = thing.slots.get(thing.type.key[0])
        if not isinstance(slot, Fact):
            return
        fact = find(slot)
        open_text = fact.literal is None and fact.type.kind is Kind.STRING
        if open_text and not fact.within:
            counts[thing.type.name] = counts.get(thing.type.name, 0) + 1
            name = f"{thing.type.name}-{counts[thing.type.name]:0{self._width}}"
            if behind and name <= max(behind):
                name = f"{max(behind)}-{name}"
            elif before and name >= min(before):
                name = f"!{name}"  # the first sign that an id can begin with
            if name not in fact.excluded:
                self.values[fact] = name


def _later(chase: Chase) -> dict[Thing, list[Thing]]:
    """Return the entities whose keys come later, by those whose keys come first."""
    later: dict[Thing, list[Thing]] = {}
    for one, other in chase.preferred.values():
        first, second = find(one), find(other)
        for column in first.type.key if first is not second else ():
            left, right = settled(first.slots[column]), settled(second.slots[column])
            if left is not right:
                # A key of several columns is compared column by column.
                if isinstance(left, Thing) and isinstance(right, Thing):
                    first, second = left, right
                later.setdefault(first, []).append(second)
                break
    return later


def _reached(thing: Thing, later: Mapping[Thing, Sequence[Thing]]) -> set[Thing]:
    """Return all entities whose keys come later than that of one."""
    reached: set[Thing] = set()
    waiting = list(later.get(thing, ()))
    while waiting:
        each = waiting.pop()
        if each not in reached:
            reached.add(each)
            waiting += later.get(each, ())
    return reached


def _in_order(chase: Chase, later: Mapping[Thing, Sequence[Thing]]) -> list[Thing]:
    """Return the entities so that those whose keys come first stand before the others."""
    order: list[Thing] = []
    seen: set[Thing] = set()

    def visit(thing: Thing) -> None:
        if thing not in seen:
            seen.add(thing)
            for each in reversed(later.get(thing, [])):
                visit(each)
            order.append(thing)

    for thing in reversed(chase.store.things):
        if thing.joined is None:
            visit(thing)
    return order[::-1]


class _Numbers:
    """The least values that numbers can have, each step as small as it can be."""

    def __init__(self, chase: Chase, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._orders = {(find(left), find(right), strict) for left, right, strict in chase.orders}
        self._chase = chase

    def values(self) -> dict[Fact, Value]:
        """Return a value for each number.

        Raises:
            Contradiction: There are none.
        """
        found: dict[Fact, Value] = {}
        for kind in ORDERED:
            facts = [fact for fact in self._facts if fact.type.kind is kind]
            if facts:
                found.update(self._of(kind, facts))
        return found

    def _of(self, kind: Kind, facts: Sequence[Fact]) -> dict[Fact, Value]:
        edges = [edge for edge in self._orders if edge[0].type.kind is kind]
        choices = {fact: self._intervals(kind, fact) for fact in facts}
        least = self._start(kind, facts)
        # An interval at a time: where a number passes one, the next is tried.
        lows = {fact: _raised(kind, (least, 0), choices[fact]) for fact in facts}
        for _ in range(len(facts) * (1 + max(map(len, choices.values()))) + 1):
            changed = False
            for left, right, strict in edges:
                value, steps = lows[left]
                wanted = (value, steps + strict) if kind is Kind.DECIMAL else (value + strict, 0)
                if lows[right] < wanted:
                    lows[right] = _raised(kind, wanted, choices[right])
                    changed = True
            if not changed:
                break
        else:
            raise Contradiction
        return self._written(kind, lows)

    def _intervals(self, kind: Kind, fact: Fact) -> list[tuple[Bound, Bound]]:
        intervals = fact.intervals or [(LOWEST, HIGHEST)]
        if fact.intervals is not None and not fact.intervals:
            raise Contradiction
        if fact.literal is not None:
            at = (Bound(0, fact.literal, 0), Bound(0, fact.literal, 1))
            intervals = [
                (max(low, at[0]), min(high, at[1]))
                for low, high in intervals
                if max(low, at[0]) < min(high, at[1])
            ]
        return [(_scaled(kind, low), _scaled(kind, high)) for low, high in sorted(intervals)]

    def _start(self, kind: Kind, facts: Sequence[Fact]) -> Number:
        """Return a number below all that are mentioned, or the smallest that there is."""
        mentioned = [
            bound.value
            for fact in facts
            for interval in self._intervals(kind, fact)
            for bound in interval
            if not bound.infinite
        ]
        usual = _scaled(kind, Bound(0, EPOCH, 0)).value if kind is Kind.INSTANT else 0
        least = min([usual, *(value - len(facts) - 1 for value in mentioned)])
        if kind is Kind.INTEGER:
            return max(least, -_LARGEST - 1)
        return max(least, _microseconds(_FIRST)) if kind is Kind.INSTANT else Decimal(least)

    def _written(self, kind: Kind, lows: dict[Fact, tuple[Number, int]]) -> dict[Fact, Value]:
        if kind is Kind.INTEGER:
            if any(value > _LARGEST for value, _ in lows.values()):
                raise Contradiction
            return {fact: value for fact, (value, _) in lows.items()}
        if kind is Kind.INSTANT:
            if any(value > _microseconds(_LAST) for value, _ in lows.values()):
                raise Contradiction
            return {fact: EPOCH + value * _TICK for fact, (value, _) in lows.items()}
        step = self._step(lows)
        return {fact: value + steps * step for fact, (value, steps) in lows.items()}

    def _step(self, lows: dict[Fact, tuple[Number, int]]) -> Decimal:
        """Return a step so small that no number of steps reaches the next value mentioned."""
        points = sorted(
            {value for value, _ in lows.values()}
            | {
                bound.value
                for fact in lows
                for interval in self._intervals(Kind.DECIMAL, fact)
                for bound in interval
                if not bound.infinite
            }
        )
        gaps = [high - low for low, high in pairwise(points)]
        gap = min([*gaps, Decimal(1)])
        most = max(steps for _, steps in lows.values()) + 1
        step = Decimal("0.01")
        while step * most >= gap:
            step /= 10
        return step


def _raised(
    kind: Kind, low: tuple[Number, int], intervals: Sequence[tuple[Bound, Bound]]
) -> tuple[Number, int]:
    """Return the least number in one of the intervals that is not below `low`."""
    for start, end in intervals:
        lowest = low
        if not start.infinite:
            at = (
                (start.value, start.side) if kind is Kind.DECIMAL else (start.value + start.side, 0)
            )
            lowest = max(low, at)
        if end.infinite or (lowest[0] < end.value) or (lowest == (end.value, 0) and end.side):
            return lowest
    raise Contradiction


def _scaled(kind: Kind, bound: Bound) -> Bound:
    if bound.infinite or kind is not Kind.INSTANT:
        return bound
    return Bound(0, _microseconds(bound.value), bound.side)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _TICK
