"""An order of tests in which diagrams stay small, where that in which Oso asks makes them large.

Facts that one clause looks at together should be tested together: ``a1 and b1 or a2 and b2 …``
needs two nodes a pair in the order a1 b1 a2 b2, and 2^n in the order a1 a2 … b1 b2. The order is
found by FORCE (Aloul, Markov, Sakallah 2003): each test moves to the centre of the clauses that
look at it, again and again, as long as the clauses span fewer tests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sidecar.compiler.explorer import Call, Explorer
from sidecar.compiler.query_trees import Asked, Branching, HasValue, Outcome
from sidecar.compiler.symbols import Unexplorable
from sidecar.diagram.diagram import test_of
from sidecar.diagram.nodes import Test
from sidecar.diagram.presupposition import presuppositions_first
from sidecar.diagram.questions import Question, RuleHolds, ValueOf

ROUNDS = 50
"""Moves of all tests; the order hardly changes after ten."""

Edge = tuple[Question, ...]
"""The questions of the tests of one clause, at least two."""


def small_order(explorer: Explorer, calls: Iterable[tuple[Call, Asked]]) -> list[Test]:
    """Return the tests of all clauses that calls reach, in an order that keeps diagrams small.

    Args:
        explorer: What was explored.
        calls: Calls of entry points, all for the same types of subject and resource.
    """
    tests: dict[Question, Test] = {}
    edges: dict[Edge, None] = {}
    for every in _clauses(explorer, calls):
        tests.update((test.question, test) for test in every)
        if len(every) > 1:
            edges[tuple(test.question for test in every)] = None
    order = _force(list(tests), list(edges))
    return [tests[question] for question in presuppositions_first(order)]


def _clauses(explorer: Explorer, calls: Iterable[tuple[Call, Asked]]) -> Iterator[Collection[Test]]:
    """Yield the tests of each clause that is reached, in the order in which Oso asks."""
    waiting = list(calls)
    seen: set[object] = set()
    while waiting:
        (rule, operands), asked = waiting.pop(0)
        for clause in explorer.matching(rule, operands, asked):
            key = (clause.number, operands, asked.action[0])
            if key in seen:
                continue
            seen.add(key)
            try:
                root = explorer.asking.tree(clause, operands, asked).root
            except Unexplorable:
                continue
            questions = [branching.question for branching in _branchings(root)]
            tests: dict[Test, None] = {}
            for question in questions:
                match question:
                    case RuleHolds(name, called_with):
                        waiting.append(((name.rpartition("__")[0], called_with), asked))
                    case HasValue(path):
                        tests[test_of(ValueOf(path))] = None
                    case _:
                        tests[test_of(question)] = None
            yield tests


def _branchings(outcome: Outcome) -> Iterator[Branching]:
    if isinstance(outcome, Branching):
        yield outcome
        for _, below in outcome.branches:
            yield from _branchings(below)


def _force(order: list[Question], edges: Sequence[Edge]) -> list[Question]:
    place = {test: position for position, test in enumerate(order)}
    of_test: dict[Question, list[Edge]] = {test: [] for test in order}
    for edge in edges:
        for test in edge:
            of_test[test].append(edge)
    best, least = order, _span(place, edges)
    for _ in range(ROUNDS):
        centre = {edge: sum(place[test] for test in edge) / len(edge) for edge in edges}
        wanted = {
            test: sum(centre[edge] * _weight(edge) for edge in of_test[test])
            / sum(map(_weight, of_test[test]))
            if of_test[test]
            else place[test]
            for test in order
        }
        moved = sorted(order, key=lambda test: (wanted[test], place[test]))
        place = {test: position for position, test in enumerate(moved)}
        span = _span(place, edges)
        if span < least:
            best, least = moved, span
    return best


def _weight(edge: Edge) -> float:
    """Return how much it matters where the tests of a clause stand.

    A conjunction of many facts is small in any order, so it counts no more than a pair.
    """
    return 1 / (len(edge) - 1)


def _span(place: Mapping[Question, int], edges: Sequence[Edge]) -> float:
    """Return over how many tests the clauses stretch."""
    return sum(
        (max(place[test] for test in edge) - min(place[test] for test in edge)) * _weight(edge)
        for edge in edges
    )
