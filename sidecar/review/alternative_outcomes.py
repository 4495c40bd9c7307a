"""Outcomes of tests: the one that a request has now, and ways that differ in one of them."""

from __future__ import annotations

from bisect import bisect_right

from sidecar.diagram.nodes import Label, Test
from sidecar.diagram.questions import NumberOf, TextOf, value_of
from sidecar.engine.fact_sources import Sources
from sidecar.review.states import Answered, outcomes_of
from sidecar.schema import Kind


def outcome_of(sources: Sources, test: Test, labels: tuple[Label, ...]) -> int | None:
    """Return which outcome a test has now; None where it has no answer."""
    question = test.question
    if not isinstance(question, TextOf | NumberOf):
        answer = sources.answer(question)
        return labels.index(answer) if answer in labels else None
    value = sources.value(question.path)
    if value is None:
        return None
    if isinstance(question, TextOf):
        return labels.index(value) if value in labels else len(labels)
    return bisect_right([cut_of(test, cut) for cut in labels], (value, False))


def cut_of(test: Test, cut: tuple[str, bool]) -> tuple[object, bool]:
    """Return a label of a number so that it sorts."""
    return value_of(test.kind or Kind.DECIMAL, cut[0]), cut[1]


def opposite(answered: Answered) -> Answered:
    """Return all other outcomes."""
    every = outcomes_of(answered.test, answered.labels)
    return Answered(answered.test, answered.labels, frozenset(every) - answered.outcomes)


def merged(ways: list[dict[int, Answered]]) -> list[dict[int, Answered]]:
    """Join ways that differ in the outcomes of one test; those that say least come first.

    Where it may have any outcome, the way says nothing of it any more.
    """
    left = list(ways)
    joined = True
    while joined:
        joined = False
        for at, one in enumerate(left):
            for other in left[at + 1 :]:
                both = _either(one, other)
                if both is not None:
                    left[at] = both
                    left.remove(other)
                    joined = True
                    break
            if joined:
                break
    return sorted(left, key=len)


def _either(one: dict[int, Answered], other: dict[int, Answered]) -> dict[int, Answered] | None:
    if one.keys() != other.keys():
        return None
    differing = [test for test in one if one[test] != other[test]]
    if len(differing) != 1:
        return one if not differing else None
    left, right = one[differing[0]], other[differing[0]]
    if left.labels != right.labels:
        return None
    outcomes = left.outcomes | right.outcomes
    if len(outcomes) == len(outcomes_of(left.test, left.labels)):
        return {test: answered for test, answered in one.items() if test != differing[0]}
    return {**one, differing[0]: Answered(left.test, left.labels, outcomes)}
