"""States: what is there is never called impossible, and what is called possible can be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.diagram.nodes import Node
from sidecar.engine import Frame, RequestKind, kind_of
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot
from sidecar.model import Request
from sidecar.review.states import Answered, States, laws
from tests.depth import deep
from tests.differential.comparing import generated_requests

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PACKS = sorted({*range(deep(24)), 57, 100})
"""Generated packs that use all that a schema can declare. 57: a grant reads a default where nothing
exists; 100: a look-up prefers a row to another whose key the policy names."""
WAYS = 40
"""Ways through one tree for which a mount is built."""


@dataclass
class Walker:
    """Follows the trees of one pair of types, and keeps what was answered."""

    policy: Policy
    subject: str
    resource: str
    states: States = field(init=False)

    def __post_init__(self) -> None:
        types = self.policy.schema.types
        pair = (types[self.subject], types[self.resource])
        self.states = States(self.policy.schema, self.policy.settings, pair)
        self._reader = Reader(self.policy.schema, self.policy.settings, *pair)
        self._evaluator = Evaluator(self._reader, self.policy.tests)

    def answers(self, node: Node, frame: Frame, *, may_fail: bool) -> list[Answered]:
        """Return the answers of a state to the tests of a tree.

        Args:
            node: The root of the tree.
            frame: The state.
            may_fail: Whether a fact may be absent that the tree assumes to be present; the answers
                end there. The tree of a grant assumes that facts with a default are present, and
                is not asked where `_is_denied`.
        """
        found: list[Answered] = []
        while node.branches:
            frame.cache = []
            branch = self._evaluator.step(node, frame)
            test = self.policy.tests[node.test]
            # An absent text would pass for any other.
            is_text = test.outcomes == "text"
            if branch not in node.branches or (
                is_text and self._reader.value(test.question[1])(frame) is None
            ):
                assert may_fail, f"{test} has no outcome"
                return found
            found.append(self._answered(node, branch))
            node = branch
        return found

    def ways(self, node: Node, before: list[Answered]) -> Iterator[list[Answered]]:
        """Yield the ways to the leaves of a tree that are called possible."""
        if not node.branches:
            yield list(before)
            return
        for branch in {each.number: each for each in node.branches}.values():
            before.append(self._answered(node, branch))
            if self.states.possible(before):
                yield from self.ways(branch, before)
            before.pop()

    def _answered(self, node: Node, branch: Node) -> Answered:
        outcomes = (at for at, each in enumerate(node.branches) if each is branch)
        return Answered(self.policy.tests[node.test], node.labels, frozenset(outcomes))


@pytest.mark.parametrize("seed", PACKS)
def test_states_of_a_generated_pack(seed: int, tmp_path: Path) -> None:
    walkers: dict[tuple[str, str], Walker] = {}
    tally: Counter[str] = Counter()
    wrong: list[str] = []

    for policy, snapshot, request in generated_requests(
        seed, tmp_path / "pack", worlds=3, requests=12
    ):
        pair = (request.subject.type, request.resource.type)
        walker = walkers.setdefault(pair, Walker(policy, *pair))
        kind = kind_of(*pair, policy)
        assert kind is not None
        entry = policy.entries.get((*pair, request.action))
        entry = entry or policy.entries[*pair, UNDECLARED_ACTION]
        denied = _is_denied(kind, request, snapshot, NOW)
        rules = [(root, denied) for root in (entry.granted, entry.allowed)]
        rules += [(root, False) for root in entry.forbids.values()]
        for root, may_fail in rules:
            if root is not None:
                frame = kind.frame(request, snapshot, NOW)
                tally["there"] += 1
                if not walker.states.possible(walker.answers(root, frame, may_fail=may_fail)):
                    wrong.append(f"called impossible: {request}")
    for pair, walker in walkers.items():
        for key, entry in walker.policy.entries.items():
            roots = {each.number: each for each in (entry.granted, entry.allowed) if each}
            for root in roots.values() if key[:2] == pair else ():
                wrong += _not_shown(walker, root, key[2], tally)

    assert wrong == []
    assert not walkers or tally["there"] > 50
    for policy in {id(each.policy): each.policy for each in walkers.values()}.values():
        policy.interpreter.close()


def _is_denied(kind: RequestKind, request: Request, snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether a request is denied without asking what is granted."""
    frame = kind.frame(request, snapshot, now)
    return bool(frame.outside or kind.always_on_reasons(request.action, frame))


def _not_shown(walker: Walker, root: Node, action: str, tally: Counter[str]) -> Iterator[str]:
    """Yield the ways through a tree that no mount and request follow."""
    kind = kind_of(walker.subject, walker.resource, walker.policy)
    assert kind is not None
    for number, way in enumerate(walker.ways(root, [])):
        if number >= WAYS:
            return
        tally["shown"] += 1
        example = walker.states.example(way)
        if example is None:
            yield f"no example of {way}"
            continue
        state = (example.asking(action), example.snapshot(walker.policy.schema), example.now)
        denied = _is_denied(kind, *state)
        found = walker.answers(root, kind.frame(*state), may_fail=denied)
        if found != (way[: len(found)] if denied else way):
            yield f"{example} does not answer {way}"


def test_a_state_that_nobody_can_settle_is_called_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Impossible is what contradicts itself, and not what the laws come to no end of."""
    questions = list(generated_requests(3, tmp_path / "pack", worlds=1, requests=1))
    policy, _, request = questions[0]
    walker = Walker(policy, request.subject.type, request.resource.type)
    entry = next(
        each
        for (subject, resource, _), each in policy.entries.items()
        if (subject, resource) == (walker.subject, walker.resource) and each.granted is not None
    )
    assert entry.granted is not None
    monkeypatch.setattr(laws, "MOST_ROUNDS", 0)

    assert list(walker.ways(entry.granted, []))
    assert all(walker.states.example(way) is None for way in walker.ways(entry.granted, []) if way)
    policy.interpreter.close()
