"""The nearest changes that turn a decision: found by a solver, over the states that can be.

All facts that do not change keep their values. A set of facts turns the decision if a state can be
in which they alone are different and the decision is the opposite; where none can be, the conflict
of the solver tells which facts have to change too. Each change is then shown to be one: a mount and
a request are made with these facts, and `authorize` decides them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sidecar.diagram.nodes import FALSE, TRUE, Label, Node, Test
from sidecar.diagram.paths import Path
from sidecar.diagram.questions import Exists, NumberOf, Present, Same, TextOf, facts_of, value_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.fact_sources import Sources
from sidecar.engine.policy import Policy
from sidecar.facts import Facts
from sidecar.model import Request
from sidecar.review.aligned_diagrams import Joined
from sidecar.review.conditions import Condition, Outcomes, RowOf
from sidecar.review.fact_slots import EntityRow, Sent, Slot, Slots
from sidecar.review.regions import Cube, Regions, merged
from sidecar.schema import Kind

MOST_CHANGES = 4
"""Facts that are changed together; more are no near change."""
MOST_SETS = 2_000
"""Sets of facts that are tried; then the nearest that were found are returned."""
MOST_WAYS = 64
"""Ways in which the same facts can change that are kept apart."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Facts that turn the decision when they change, and to what."""

    facts: Mapping[Slot, Path]
    ways: tuple[tuple[Outcomes, ...], ...]
    """Ways to change them, shortest first: the outcomes that are different then, without those
    that follow from others."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One request, with everything that its decision is made from."""

    request: Request
    policy: Policy
    snapshot: Facts
    now: datetime


class Changes:
    """Searches for the changes that turn one decision."""

    def __init__(self, decided: Decided, slots: Slots, sources: Sources) -> None:
        """Prepare to search.

        Raises:
            UncompiledError: Oso is asked about this action at request time.
        """
        request, policy = decided.request, decided.policy
        scope = (request.subject.type, request.resource.type)
        joined = Joined(policy)
        self._decided = decided
        self._slots = slots
        self._sources = sources
        self._allowed = joined.allowed(0, scope, request.action)
        self._regions = Regions(joined, scope)
        self._trees = joined.trees
        self._facts: dict[Slot, Path] = {}
        self._current: dict[int, Outcomes] = {}
        """Each test that has an outcome now, with it."""
        labels = self._regions.labels(self._allowed)
        questions = {place: self._trees.tests[place].question for place in labels}
        for place, question in questions.items():
            outcome = outcome_of(sources, self._trees.tests[place], labels[place])
            if outcome is not None:
                test = self._trees.tests[place]
                self._current[place] = Outcomes(test, labels[place], frozenset({outcome}))
            for slot, path in slots.of(question):
                self._facts.setdefault(slot, path)
        self._dependencies = {
            place: frozenset(slot for slot in self._facts if slots.can_change(question, {slot}))
            for place, question in questions.items()
        }
        """Test to the facts on which its outcome depends."""
        rowless = (path for question in questions.values() for path in slots.rowless(question))
        comes = (path for slot, path in self._facts.items() if isinstance(slot, EntityRow))
        self._entities = tuple(dict.fromkeys((*rowless, *comes)))
        """Those that may exist without a row, and those whose row may come or go."""
        self._omissions: dict[Slot, Outcomes] = {}
        """Reference that the caller sends and could leave out, to the test of its presence."""
        if self._regions.is_empty(self._allowed, where=self._stays(frozenset())):
            self._omissions = dict(self._omitted())

    def can_be_allowed(self) -> bool:
        """Tell whether there is any state in which the action is allowed."""
        return not self._regions.is_empty(self._allowed)

    def allowing(self) -> list[Turn]:
        """Return the nearest changes that allow what is denied, smallest first.

        A reference to another entity, of which everything can be different, is no near change;
        to leave out one that the caller sends is.
        """
        return list(self._turns(self._allowed, MOST_CHANGES, allowed=True))

    def denying(self) -> list[Turn]:
        """Return the single facts by which what is allowed is denied."""
        denied = self._trees.choose(self._allowed, FALSE, TRUE)
        return list(self._turns(denied, 1, allowed=False))

    def facts(self, *, allowed: bool) -> dict[Slot, Path]:
        """Return the facts that may change, to deny what is allowed or the other way round."""
        if allowed:
            return dict(self._facts)
        return {slot: path for slot, path in self._facts.items() if self._is_near(slot, path)}

    def now(self, answered: Outcomes) -> int | None:
        """Return the outcome that a test has now, among the labels of an answer."""
        return outcome_of(self._sources, answered.test, answered.labels)

    def _is_near(self, slot: Slot, path: Path) -> bool:
        if isinstance(slot, EntityRow) or slot in self._omissions:
            return True
        return not self._slots.is_entity(path) or self._is_near_otherwise(path)

    def _is_near_otherwise(self, path: Path) -> bool:
        """Tell whether another entity there is a near change: there is none, or it is compared."""
        questions = [self._trees.tests[place].question for place in self._dependencies]
        return self._sources.value(path) is None or any(
            isinstance(question, Same) and path in facts_of(question) for question in questions
        )

    def _omitted(self) -> Iterator[tuple[Slot, Outcomes]]:
        for answered in self._current.values():
            question = answered.test.question
            if isinstance(question, Present) and self._slots.is_entity(question.path):
                for slot, path in self._slots.of(question):
                    if isinstance(slot, Sent) and not self._is_near_otherwise(path):
                        yield slot, answered.opposite

    # --- sets of facts ---------------------------------------------------------------------------

    def _turns(self, region: Node, most: int, *, allowed: bool) -> Iterator[Turn]:
        """Search set by set: each is extended by the facts without which it cannot turn."""
        facts = self.facts(allowed=not allowed)
        found: list[frozenset[Slot]] = []
        tried: set[frozenset[Slot]] = set()
        level: list[frozenset[Slot]] = [frozenset()]
        for size in range(most + 1):
            following: list[frozenset[Slot]] = []
            for changed in level:
                if changed in tried or any(fewer <= changed for fewer in found):
                    continue
                tried.add(changed)
                conflict = self._regions.conflict(region, where=self._stays(changed))
                ways = self._shown(region, changed, allowed=allowed) if conflict is None else []
                if ways:
                    found.append(changed)
                    yield Turn({s: p for s, p in facts.items() if s in changed}, tuple(ways))
                elif size < most and len(tried) < MOST_SETS:
                    lacking = self._lacking(conflict)
                    following += [
                        changed | {slot}
                        for slot in facts
                        if slot in lacking - changed and not self._is_of_row(slot, changed)
                    ]
            level = following

    def _lacking(self, conflict: Iterable[Condition] | None) -> frozenset[Slot]:
        """Return the facts one of which has to change too, for a conflict to end."""
        if conflict is None:
            return frozenset(self._facts)
        return frozenset(
            slot for slot in self._facts if any(self._moves(slot, each) for each in conflict)
        )

    def _moves(self, slot: Slot, condition: Condition) -> bool:
        """Tell whether a condition on what stays as it is ends when a fact changes."""
        if isinstance(condition, RowOf):
            return self._slots.row(condition.path, {slot}) != condition
        return self._slots.can_change(condition.test.question, {slot})

    def _is_of_row(self, slot: Slot, changed: frozenset[Slot]) -> bool:
        """Tell whether a cell is of a row that changes as a whole, or the other way round."""
        return any(slot.place == other.place and type(slot) is not type(other) for other in changed)

    def _is_open(self, test: int, changed: frozenset[Slot]) -> bool:
        """Tell whether a test can have another outcome when these facts change."""
        return not changed.isdisjoint(self._dependencies[test])

    def _stays(self, changed: frozenset[Slot]) -> list[Condition]:
        """Return what holds when these facts change and all others keep their values."""
        stays = [each for test, each in self._current.items() if not self._is_open(test, changed)]
        omitted = (each for slot, each in self._omissions.items() if slot in changed)
        return [*stays, *omitted, *self._rows(changed)]

    def _rows(self, changed: frozenset[Slot]) -> Iterator[RowOf]:
        """Yield which rows there are.

        An entity that begins to exist by implication has no row, so that its defaults apply.
        """
        rows = (self._slots.row(path, changed) for path in self._entities)
        yield from (row for row in rows if row is not None)

    # --- ways to change them ---------------------------------------------------------------------

    def _shown(
        self, region: Node, changed: frozenset[Slot], *, allowed: bool
    ) -> list[tuple[Outcomes, ...]]:
        """Return the ways in which these facts turn the decision, those shown to be so."""
        ways = islice(self._regions.cubes(region, where=self._stays(changed)), MOST_WAYS)
        shown = [way for way in ways if self._is_shown(changed, way, allowed=allowed)]
        told: list[tuple[Outcomes, ...]] = []
        for way in merged(shown):
            answers = self._reduced(changed, way)
            if not any(set(shorter) <= set(answers) for shorter in told):
                told = [each for each in told if not set(answers) <= set(each)] + [answers]
        return sorted(told, key=len)

    def _is_shown(self, changed: frozenset[Slot], way: Cube, *, allowed: bool) -> bool:
        """Tell whether the decision is turned in a mount that is like that."""
        example = self._regions.states.example([*self._stays(changed), *way.values()])
        if example is None:
            return False
        policy = self._decided.policy
        request = example.asking(self._decided.request.action)
        decision = authorize(request, policy, example.snapshot(policy.schema), example.now)
        return decision.allowed is allowed

    def _reduced(self, changed: frozenset[Slot], way: Cube) -> tuple[Outcomes, ...]:
        """Return the outcomes that are different from now, without those that others imply."""
        moved = {test: each for test, each in sorted(way.items()) if self._is_open(test, changed)}
        told = {t: each for t, each in moved.items() if self.now(each) not in each.outcomes}
        stays = self._stays(changed)

        # What exists by implication follows from the facts that imply it, so it goes first. A test
        # may have no answer at all, where the facts that it is about are absent. So what says that
        # they are there goes last, when it is known what else speaks of them.
        def place(test: int) -> tuple[int, int]:
            question = told[test].test.question
            if not isinstance(question, Exists | Present):
                return 1, test
            return (0 if self._slots.only_implies(question, changed) else 2), test

        omitted = {each.test.question for each in self._omissions.values()}
        for test in sorted(told, key=place):
            if len(told) == 1:
                break
            if told[test].test.question in omitted:  # which nothing but itself implies
                continue
            without = {**moved, test: told[test].opposite}
            if not self._regions.states.possible([*stays, *without.values()]):
                del moved[test], told[test]
        return tuple(told.values())


def outcome_of(sources: Sources, test: Test, labels: tuple[Label, ...]) -> int | None:
    """Return which outcome a test has now; None where it has none."""
    question = test.question
    if not isinstance(question, TextOf | NumberOf):
        answer = sources.answer(question)
        return labels.index(answer) if answer in labels else None
    value = sources.value(question.path)
    if value is None:
        return None
    if isinstance(question, TextOf):
        return labels.index(value) if value in labels else len(labels)
    kind = test.kind or Kind.DECIMAL
    return bisect_right([(value_of(kind, limit), above) for limit, above in labels], (value, False))
