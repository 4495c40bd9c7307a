"""Which few facts would turn a decision: searched in its tree, over the states that can be.

All other facts that the policy looks at keep their answers. What is found is shown to be so: a
mount and a request are made that have these answers, and `authorize` is asked about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sidecar.diagram.nodes import FALSE, LEAVES, TRUE, Label, Node
from sidecar.diagram.paths import Path
from sidecar.diagram.questions import Exists, NumberOf, Present, Same, facts_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.fact_sources import Sources
from sidecar.engine.policy import Policy
from sidecar.facts import Facts
from sidecar.model import Request
from sidecar.review.aligned_diagrams import Joined
from sidecar.review.alternative_outcomes import cut_of, merged, opposite, outcome_of
from sidecar.review.fact_slots import EntityRow, Sent, Slot, Slots
from sidecar.review.regions import Regions
from sidecar.review.states import Answered, Condition, RowOf, branches_of

MOST_CHANGES = 4
"""Facts that are changed together; more are no near change."""
MOST_STEPS = 100_000
"""Nodes that are looked at; then the nearest that were found are told."""
MOST_WAYS = 64
"""Ways in which the same facts can change that are told apart."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Facts that turn the decision when they change, and to what."""

    facts: Mapping[Slot, Path]
    ways: tuple[tuple[Answered, ...], ...]
    """Ways to change them, shortest first: answers that are others then, without what follows."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, with what it is answered from."""

    request: Request
    policy: Policy
    snapshot: Facts
    now: datetime


class Changes:
    """Searches for the changes that turn one decision."""

    def __init__(self, asked: Asked, slots: Slots, sources: Sources) -> None:
        """Prepare to search.

        Raises:
            UncompiledError: Oso is asked about this action at request time.
        """
        request, policy = asked.request, asked.policy
        scope = (request.subject.type, request.resource.type)
        joined = Joined(policy)
        self._asked = asked
        self._slots = slots
        self._sources = sources
        self._allowed = joined.allowed(0, scope, request.action)
        self._regions = Regions(joined, scope)
        self._trees = joined.trees
        self._current = dict(self._answered())
        self._facts: dict[Slot, Path] = {}
        questions = {
            index: self._trees.tests[index].question
            for index in sorted(self._regions.tests(self._allowed))
        }
        for question in questions.values():
            for slot, path in slots.asked(question):
                self._facts.setdefault(slot, path)
        self._hangers = {
            index: frozenset(slot for slot in self._facts if slots.hang(question, {slot}))
            for index, question in questions.items()
        }
        """Test to the facts that its answer hangs on."""
        self._steps = 0
        self._kept: dict[frozenset[Slot], list[Condition]] = {}
        rowless = (path for question in questions.values() for path in slots.rowless(question))
        self._rowless = tuple(dict.fromkeys(rowless))
        self._omissions = dict(self._omitted())
        """Reference that the caller sends, and could leave out: what asks whether it is there."""

    def can_be_allowed(self) -> bool:
        """Tell whether there is any state in which the action is allowed."""
        return not self._regions.is_empty(self._allowed)

    def allowing(self) -> list[Turn]:
        """Return the nearest changes that allow what is denied, smallest first.

        A reference to something else, of which all can be otherwise, is no near change; to
        leave out one that the caller sends is.
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

    def now(self, answered: Answered) -> int | None:
        """Return the outcome that a test has now, among those of an answer."""
        return outcome_of(self._sources, answered.test, answered.labels)

    def hangs(self, answered: Answered, slot: Slot) -> bool:
        """Tell whether an answer can be another when a fact has changed."""
        return self._slots.hang(answered.test.question, {slot})

    def _is_near(self, slot: Slot, path: Path) -> bool:
        if isinstance(slot, EntityRow) or not self._slots.is_entity(path):
            return True
        if slot in self._omissions:
            return True
        return self._is_near_otherwise(path)

    def _is_near_otherwise(self, path: Path) -> bool:
        """Tell whether another entity there is a near change: there is none, or it is compared."""
        asked = [self._trees.tests[index].question for index in self._hangers]
        return self._sources.value(path) is None or any(
            isinstance(question, Same) and path in facts_of(question) for question in asked
        )

    def _omitted(self) -> Iterator[tuple[Slot, Answered]]:
        if self._leads(self._allowed, frozenset(), {}):
            return
        for answered in self._current.values():
            question = answered.test.question
            if isinstance(question, Present) and self._slots.is_entity(question.path):
                for slot, path in self._slots.asked(question):
                    if isinstance(slot, Sent) and not self._is_near_otherwise(path):
                        yield slot, opposite(answered)

    def _turns(self, region: Node, most: int, *, allowed: bool) -> Iterator[Turn]:
        """Search set by set: what a set lacks to lead to the region is what is added to it."""
        facts = self.facts(allowed=not allowed)
        anything = frozenset(facts)
        self._steps = 0
        found: list[frozenset[Slot]] = []
        seen: set[frozenset[Slot]] = set()
        level: list[frozenset[Slot]] = [frozenset()]
        for size in range(most + 1):
            following: list[frozenset[Slot]] = []
            for changed in level:
                if changed in seen or any(fewer <= changed for fewer in found):
                    continue
                seen.add(changed)
                leads = bool(changed) and self._leads(region, changed, {})
                ways = self._shown(region, changed, allowed=allowed) if leads else []
                if ways:
                    found.append(changed)
                    told = {slot: path for slot, path in facts.items() if slot in changed}
                    yield Turn(told, tuple(ways))
                elif size < most and self._steps < MOST_STEPS:
                    lacking = anything if leads else self._lacking(region, changed)
                    following += [
                        changed | {slot}
                        for slot in facts
                        if slot in lacking - changed and not self._is_of_row(slot, changed)
                    ]
            level = following

    def _lacking(self, region: Node, changed: frozenset[Slot]) -> frozenset[Slot]:
        """Return the facts one of which has to change too, for a way to the region to open."""
        lacking: set[Slot] = set()
        seen: set[int] = set()
        below = [region]
        while below:
            node = below.pop()
            if node in LEAVES or node.number in seen:
                continue
            seen.add(node.number)
            self._steps += 1
            opened = [branch for _, branch in self._open(node, changed)]
            below += opened
            # Each but the no-leaf leads to a yes-leaf, since trees are reduced.
            if any(branch is not FALSE and branch not in opened for branch in node.branches):
                lacking |= self._hangers[node.test]
        return frozenset(lacking)

    def _is_of_row(self, slot: Slot, changed: frozenset[Slot]) -> bool:
        """Tell whether a cell is of a row that changes as a whole, or the other way round."""
        return any(slot.place == other.place and type(slot) is not type(other) for other in changed)

    def _shown(
        self, region: Node, changed: frozenset[Slot], *, allowed: bool
    ) -> list[tuple[Answered, ...]]:
        """Return the ways in which these facts turn the decision, those shown to be so."""
        ways = islice(self._ways(region, changed, {}), MOST_WAYS)
        shown = [way for way in ways if self._is_shown(changed, way, allowed=allowed)]
        told: list[tuple[Answered, ...]] = []
        for way in merged(shown):
            answers = self._told(changed, way)
            if not any(set(shorter) <= set(answers) for shorter in told):
                told = [each for each in told if not set(answers) <= set(each)] + [answers]
        return sorted(told, key=len)

    def _leads(self, node: Node, changed: frozenset[Slot], known: dict[int, bool]) -> bool:
        """Tell whether a node leads to a yes-leaf when these facts may change, states apart."""
        if node in LEAVES:
            return node is TRUE
        if node.number not in known:
            self._steps += 1
            known[node.number] = any(
                self._leads(branch, changed, known) for _, branch in self._open(node, changed)
            )
        return known[node.number]

    def _ways(
        self, node: Node, changed: frozenset[Slot], answers: dict[int, Answered]
    ) -> Iterator[dict[int, Answered]]:
        """Yield ways to the yes-leaves below a node, as their answers, when these facts change."""
        if node in LEAVES:
            if node is TRUE:
                yield answers
            return
        test = self._trees.tests[node.test]
        for outcomes, branch in self._open(node, changed):
            if branch is FALSE:
                continue
            more = {**answers, node.test: Answered(test, node.labels, outcomes)}
            if not self._hangs(node.test, changed) or self._possible(changed, more):
                yield from self._ways(branch, changed, more)

    def _open(self, node: Node, changed: frozenset[Slot]) -> Iterator[tuple[frozenset[int], Node]]:
        """Yield the branches that a node has when these facts change, with their outcomes."""
        test = self._trees.tests[node.test]
        now, wanted = None, self._slots.wanted(test.question, changed)
        if not self._hangs(node.test, changed):
            now = outcome_of(self._sources, test, node.labels)
        elif wanted is not None:
            now = node.labels.index(wanted)
        for outcomes, branch in branches_of(test, node):
            if now is None or now in outcomes:
                yield outcomes, branch

    def _possible(self, changed: frozenset[Slot], answers: Mapping[int, Answered]) -> bool:
        return self._regions.states.possible(self._all(changed, answers))

    def _all(self, changed: frozenset[Slot], answers: Mapping[int, Answered]) -> list[Condition]:
        """Return what was answered of the facts that change, and what all the others say."""
        if changed not in self._kept:
            stays = (each for test, each in self._current.items() if not self._hangs(test, changed))
            omitted = (each for slot, each in self._omissions.items() if slot in changed)
            self._kept[changed] = [*stays, *omitted, *self._rows(changed)]
        hanging = [each for test, each in answers.items() if self._hangs(test, changed)]
        return [*self._kept[changed], *hanging]

    def _rows(self, changed: frozenset[Slot]) -> Iterator[RowOf]:
        """Yield which rows come and go, and which there are of entities that may exist without one.

        An entity that begins to exist by implication has no row, so that its defaults apply.
        """
        turned = (path for slot, path in self._facts.items() if isinstance(slot, EntityRow))
        paths = (path for path in turned if self._slots.is_row_of(path, changed))
        rows = (self._slots.row(path, changed) for path in dict.fromkeys([*self._rowless, *paths]))
        yield from (row for row in rows if row is not None)

    def _is_shown(
        self, changed: frozenset[Slot], answers: Mapping[int, Answered], *, allowed: bool
    ) -> bool:
        """Tell whether the decision is turned in a mount that is like that."""
        example = self._regions.states.example(self._all(changed, answers))
        if example is None:
            return False
        policy = self._asked.policy
        request = example.asking(self._asked.request.action)
        decision = authorize(request, policy, example.snapshot(policy.schema), example.now)
        return decision.allowed is allowed

    def _hangs(self, test: int, changed: frozenset[Slot]) -> bool:
        return not changed.isdisjoint(self._hangers[test])

    def _told(self, changed: frozenset[Slot], way: Mapping[int, Answered]) -> tuple[Answered, ...]:
        """Return the answers that are others than they are now, without what others imply."""
        hanging = {test: each for test, each in sorted(way.items()) if self._hangs(test, changed)}
        told = {test: each for test, each in hanging.items() if self.now(each) not in each.outcomes}

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
            if not self._possible(changed, {**hanging, test: opposite(told[test])}):
                del hanging[test], told[test]
        return tuple(told.values())

    def _answered(self) -> Iterator[tuple[int, Answered]]:
        """Yield what the tests of the tree say now; those that have no answer are left out."""
        labels: dict[int, dict[Label, None]] = {}
        for node in self._trees.reachable([self._allowed]):
            if node.branches:
                labels.setdefault(node.test, {}).update(dict.fromkeys(node.labels))
        for index, found in labels.items():
            test = self._trees.tests[index]
            kept = tuple(found)
            if isinstance(test.question, NumberOf):
                kept = tuple(sorted(kept, key=lambda cut: cut_of(test, cut)))
            outcome = outcome_of(self._sources, test, kept)
            if outcome is not None:
                yield index, Answered(test, kept, frozenset({outcome}))
