"""What `diff` and `prove` say is what going through every state of a small world says."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.engine import Frame, evaluate, kind_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.model import Request
from sidecar.review.aligned_diagrams import Joined
from sidecar.review.condition_cover import Covering
from sidecar.review.diff import ALLOWED, DENIED, Change, Differences, differences
from sidecar.review.example import Example
from sidecar.review.states import KnownStates
from tests.depth import deep
from tests.reviewing.small import CONDITIONS, NOW, State, compiled, policy_text, states

PACKS = min(60, deep(24))
PAIRS = deep(200, quick=40)
"""Pairs of them that are compared in all states: 52,000 comparisons in `make test`."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def policies(directory: Path) -> list[Policy]:
    made = (compiled(policy_text(seed), directory) for seed in range(2 * PACKS))
    return [policy for policy in made if policy is not None][:PACKS]


@pytest.fixture(scope="module")
def allowed(policies: list[Policy], directory: Path) -> list[tuple[bool, ...]]:
    """What each policy allows, state for state."""
    return [
        tuple(
            authorize(each.request, policy, each.snapshot, NOW).allowed
            for each in states(directory)
        )
        for policy in policies
    ]


class Within:
    """Tells in which regions a state lies, by walking their trees on its facts."""

    def __init__(self, joined: Joined) -> None:
        """Prepare to walk; all trees must have been taken by then."""
        self._policy = joined.policies[0]
        types = joined.schema.types
        self._reader = Reader(joined.schema, joined.union.settings, types["user"], types["doc"])
        self._evaluator = Evaluator(self._reader, tuple(joined.trees.tests))
        kind = kind_of("user", "doc", self._policy)
        assert kind is not None
        self._kind = kind
        self._state: State | None = None
        self._frame: Frame

    def holds(self, region: Node, state: State) -> bool:
        tree = self._evaluator.bind(region)
        if state is not self._state:
            self._state = state
            self._frame = self._kind.frame(state.request, state.snapshot, NOW)
            self._frame.cache = []
        # What one region asked of this state has the same answer for the next.
        self._reader.make_room(self._frame)
        return evaluate(tree, self._frame) is True


@pytest.fixture(scope="module")
def compared(policies: list[Policy]) -> list[tuple[int, int, Differences]]:
    known = KnownStates()  # as `mutate` has it, which compares one pack with hundreds
    return [(old, new, differences(policies[old], policies[new], known)) for old, new in _pairs()]


def _pairs() -> Iterator[tuple[int, int]]:
    dice = random.Random(7)  # noqa: S311 - the same pairs each time
    for _ in range(PAIRS):
        old, new = dice.sample(range(PACKS), 2)
        yield old, new


@pytest.mark.many
def test_diff_is_what_going_through_all_states_says(
    compared: list[tuple[int, int, Differences]], allowed: list[tuple[bool, ...]], directory: Path
) -> None:
    wrong: list[str] = []
    changed = conditions = 0

    for old, new, found in compared:
        within = Within(found.joined)
        covering = Covering(found.joined, ("user", "doc"))
        told = [
            (
                change,
                change.region,
                [covering.region(each) for each in change.listing.conditions]
                if not change.listing.unlisted
                else [change.region],
            )
            for change in found.changes
            if change.resource == "doc"
        ]
        conditions += sum(len(each) for _, _, each in told)
        for state, before, after in zip(states(directory), allowed[old], allowed[new], strict=True):
            expected = (before, after)
            changed += before is not after
            mine = [each for each in told if state.request.action in each[0].actions]
            if _said(mine, state, within) != (expected if before is not after else None):
                wrong.append(f"{old} {new} {state.request} {expected}")

    assert wrong == []
    assert changed > PAIRS * 100  # or the comparison means little
    assert conditions > PAIRS


def _said(
    told: list[tuple[Change, Node, list[Node]]], state: State, within: Within
) -> tuple[bool, bool] | str | None:
    """Return what the changes say of a state: decided before and after, or that nothing changes."""
    found = set()
    for change, region, conditions in told:
        inside = within.holds(region, state)
        if inside is not any(within.holds(each, state) for each in conditions):
            return "its conditions are not the region"
        if inside:
            found.add({ALLOWED: (False, True), DENIED: (True, False)}[change.what])
    return next(iter(found)) if len(found) == 1 else "contradiction" if found else None


def test_every_condition_of_a_diff_has_an_example_that_is_decided_so(
    compared: list[tuple[int, int, Differences]], policies: list[Policy]
) -> None:
    examples = 0

    for old, new, found in compared:
        for change in found.changes:
            for each in change.examples:
                assert each is not None
                before, after = (
                    _decided(each, change.actions[0], policies[number]) for number in (old, new)
                )
                assert (before, after) == (
                    (False, True) if change.what == ALLOWED else (True, False)
                )
                examples += 1

    assert examples > PAIRS * 2


def _decided(example: Example, action: str, policy: Policy) -> bool:
    snapshot = example.snapshot(policy.schema)
    return authorize(example.asking(action), policy, snapshot, example.now).allowed


def test_a_pack_compared_with_itself_has_no_differences(policies: list[Policy]) -> None:
    assert all(differences(each, each).changes == () for each in policies[:10])


@pytest.mark.many
def test_proofs_are_what_going_through_all_states_says(directory: Path) -> None:
    holding = failing = 0

    for seed in range(40):
        dice = random.Random(seed)  # noqa: S311 - the same conditions each time
        body = re.sub(r"\br\b", "resource", re.sub(r"\bs\b", "subject", dice.choice(CONDITIONS)))
        head = ", ".join(
            f"{name if name in body else '_'}: {of}"
            for name, of in (("subject", "User"), ("action", "Action"), ("resource", "Doc"))
        )
        policy = compiled(policy_text(seed), directory, {"when_0": f"when_0({head}) if {body};\n"})
        if policy is None:
            continue
        joined = Joined(policy)
        for action in ("view", "edit"):
            root = policy.probes["when_0", "user", "doc", action]
            assert root is not None
            meant = joined.take(0, root, ("user", "doc"))
            allows = joined.allowed(0, ("user", "doc"), action)
            within = Within(joined)
            never = joined.trees.choose(meant, allows, FALSE)
            covering = Covering(joined, ("user", "doc"))
            counterexamples = covering.cover(never)
            brute = [
                state
                for state in states(directory)
                if state.request.action == action
                and within.holds(meant, state)
                and authorize(state.request, policy, state.snapshot, NOW).allowed
            ]
            assert counterexamples or not brute
            for each in counterexamples:
                example = covering.example(each)
                assert example is not None
                assert _decided(example, action, policy)
            holding += not counterexamples
            failing += bool(counterexamples)

    assert holding > 5
    assert failing > 20


@pytest.mark.many
def test_whatever_is_true_of_a_state_can_be(policies: list[Policy], directory: Path) -> None:
    """No state that is there is ever called impossible."""
    asked = 0

    for policy in policies[:30]:
        joined = Joined(policy)
        covering = Covering(joined, ("user", "doc"))
        for action in ("view", "edit"):
            region = joined.allowed(0, ("user", "doc"), action)
            within = Within(joined)
            inside = [
                state
                for state in states(directory)
                if state.request.action == action and within.holds(region, state)
            ]
            asked += len(inside)
            assert not inside or not covering.regions.is_empty(region)
            assert region is not TRUE

    assert asked > 500


def test_an_unknown_request_is_in_no_region(policies: list[Policy], directory: Path) -> None:
    joined = Joined(policies[0])
    request: Request = next(
        state.request for state in states(directory) if state.request.subject.id == "ghost"
    )
    state = next(state for state in states(directory) if state.request is request)

    region = joined.allowed(0, ("user", "doc"), "view")
    assert not Within(joined).holds(region, state)
