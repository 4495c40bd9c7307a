"""Compiled answers are those of Oso over the same guarded objects, for packs made by chance."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.compiler.comparison import Comparison
from sidecar.compiler.presence import Presence
from sidecar.diagram.diagram import Trees
from sidecar.diagram.nodes import Node
from sidecar.diagram.questions import Answer, Equals, Question
from sidecar.engine import evaluator
from tests.depth import deep
from tests.differential.comparing import Tally, compare, compare_with_requests_to_oso

PACKS = deep(30, quick=12)
"""Generated packs; each is asked 5 worlds x 20 requests x 5 rules. `test_against_reference` asks
more of the product as a whole; this tells whether compiling or the meaning of facts is at fault."""


@pytest.mark.many
def test_compiled_answers_are_those_of_oso(tmp_path: Path) -> None:
    tally = Tally()

    for seed in range(PACKS):
        compare(seed, tmp_path / str(seed), worlds=5, requests=20, tally=tally)

    assert tally.differences == []
    assert tally.counts["asked"] >= PACKS * 260
    # The comparison means something only where rules do hold, and few packs are refused.
    assert tally.counts["allow True"] > PACKS * 5
    assert tally.counts["forbid True"] > PACKS * 5
    assert tally.counts["fault"] < tally.counts["asked"] / 200
    assert tally.counts["refused"] < PACKS / 10


@settings(
    max_examples=deep(15, quick=6),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(min_value=1_000, max_value=10**9))
@pytest.mark.many
def test_compiled_answers_are_those_of_oso_for_any_seed(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tally = Tally()

    compare(seed, tmp_path_factory.mktemp("pack") / "pack", worlds=2, requests=10, tally=tally)

    assert tally.differences == []


def test_what_is_put_to_oso_at_request_time_has_the_same_answer(tmp_path: Path) -> None:
    tally = Tally()

    for seed in range(6):
        compare_with_requests_to_oso(seed, tmp_path / str(seed), worlds=2, requests=8, tally=tally)

    assert tally.differences == []
    assert tally.counts["asked"] > 300


def _only_the_first(_: Trees, left: Node, right: Node) -> Node:
    return left if left.branches else right


def _always_present(*_: object) -> bool:
    return True


def _boundary_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "bisect_right", bisect_left)
    reached = vars(evaluator)["_reached"]  # of a single cut
    monkeypatch.setattr(
        evaluator, "_reached", lambda value, limit, above: reached(value, limit, above=not above)
    )


def _or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trees, "either", _only_the_first)


def _absence_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Presence, "is_asked", _always_present)


def _literals_confused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Trees.branch

    def branch(trees: Trees, question: Question, branches: dict[Answer, Node]) -> Node:
        if isinstance(question, Equals):
            question = Equals(question.path, "a")
        return asked(trees, question, branches)

    monkeypatch.setattr(Trees, "branch", branch)


def _identity_confused(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(_: Comparison, left: object, right: object) -> bool:
        return left == right

    monkeypatch.setattr(Comparison, "_same", same)


@pytest.mark.parametrize(
    "fault",
    [_boundary_moved, _or_broken, _absence_forgotten, _literals_confused, _identity_confused],
)
def test_a_fault_planted_in_the_compiler_is_caught(
    fault: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    tally = Tally()

    for seed in _until_caught(tally, range(40)):
        compare(seed, tmp_path / str(seed), worlds=3, requests=15, tally=tally)

    assert tally.differences != []


def _until_caught(tally: Tally, seeds: Sequence[int]) -> Iterator[int]:
    for seed in seeds:
        if not tally.differences:
            yield seed
