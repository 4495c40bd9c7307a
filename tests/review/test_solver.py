"""States: what is there is never called impossible, and what is called possible can be shown."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.cli import main
from sidecar.diagram.nodes import Node
from sidecar.diagram.nodes import Test as NodeTest
from sidecar.diagram.paths import RESOURCE, Literal, Member
from sidecar.diagram.questions import Includes, TextOf
from sidecar.engine import Frame, RequestKind, kind_of
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot
from sidecar.model import Request
from sidecar.review import solver
from sidecar.review.conditions import Outcomes
from sidecar.review.states import States
from sidecar.schema import read_schema
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.paths import ROOT

PLACES = ["--policies", str(ROOT / "policies"), "--fixtures", str(ROOT / "fixtures")]
NOW = datetime(2026, 1, 2, tzinfo=UTC)
PACKS = sorted({*range(deep(24)), 57, 100})
"""Generated packs that use all that a schema can declare. 57: a grant reads a default where nothing
exists; 100: a look-up prefers a row to another whose key the policy names."""
WAYS = 16 if deep(1) == 1 else 40
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

    def answers(self, node: Node, frame: Frame, *, may_fail: bool) -> list[Outcomes]:
        """Return the answers of a state to the tests of a tree.

        Args:
            node: The root of the tree.
            frame: The state.
            may_fail: Whether a fact may be absent that the tree assumes to be present; the answers
                end there. The tree of a grant assumes that facts with a default are present, and
                is not asked where `_is_denied`.
        """
        found: list[Outcomes] = []
        while node.branches:
            frame.cache = []
            branch = self._evaluator.step(node, frame)
            test = self.policy.tests[node.test]
            # An absent text would pass for any other.
            if branch not in node.branches or (
                isinstance(test.question, TextOf)
                and self._reader.value(test.question.path)(frame) is None
            ):
                assert may_fail, f"{test} has no outcome"
                return found
            found.append(self._answered(node, branch))
            node = branch
        return found

    def ways(self, node: Node, before: list[Outcomes]) -> Iterator[list[Outcomes]]:
        """Yield the ways to the leaves of a tree that are called possible."""
        if not node.branches:
            yield list(before)
            return
        for branch in {each.number: each for each in node.branches}.values():
            before.append(self._answered(node, branch))
            if self.states.possible(before):
                yield from self.ways(branch, before)
            before.pop()

    def _answered(self, node: Node, branch: Node) -> Outcomes:
        outcomes = (at for at, each in enumerate(node.branches) if each is branch)
        return Outcomes(self.policy.tests[node.test], node.labels, frozenset(outcomes))


@pytest.mark.many
@pytest.mark.parametrize("seed", PACKS)
def test_states_of_a_generated_pack(seed: int, tmp_path: Path) -> None:
    walkers: dict[tuple[str, str], Walker] = {}
    tally: Counter[str] = Counter()
    wrong: list[str] = []

    for policy, snapshot, request in generated_requests(
        seed, tmp_path / "pack", worlds=3, requests=12
    ):
        pair = (request.subject.type, request.resource.type)
        if pair not in walkers:
            walkers[pair] = Walker(policy, *pair)
        walker = walkers[pair]
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


def test_a_state_that_nobody_can_settle_is_neither_possible_nor_impossible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = list(generated_requests(3, tmp_path / "pack", worlds=1, requests=1))
    policy, _, request = questions[0]
    monkeypatch.setattr(solver, "MOST_WORK", 1)
    walker = Walker(policy, request.subject.type, request.resource.type)
    entry = next(
        each
        for (subject, resource, _), each in policy.entries.items()
        if (subject, resource) == (walker.subject, walker.resource) and each.granted is not None
    )
    assert entry.granted is not None
    policy.interpreter.close()

    with pytest.raises(solver.UnsettledError, match="the solver gave up"):
        list(walker.ways(entry.granted, []))


def test_commands_that_need_the_solver_say_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A check that was settled before, and kept, needs no solver.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "z3", None)

    found = {
        command: CliRunner().invoke(main, [command, *PLACES], catch_exceptions=False)
        for command in ("check", "matrix", "mutate", "prove")
    }

    message = (
        "error: this command needs the solver z3; install it with `pip install 'sidecar[review]'`,"
        " in a checkout with `make solver`"
    )
    assert {each.exit_code for each in found.values()} == {2}
    assert all(each.stderr.splitlines()[-1] == message for each in found.values())


def test_serving_and_testing_do_not_need_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)

    for arguments in (["--help"], ["test", *PLACES]):
        assert CliRunner().invoke(main, arguments).exit_code == 0


def test_a_state_is_shown_by_the_same_mount_in_each_run(tmp_path: Path) -> None:
    policy, _, request = next(generated_requests(5, tmp_path / "pack", worlds=1, requests=1))
    shown = []
    for asked_before in (False, True):
        pair = (request.subject.type, request.resource.type)
        walker = Walker(policy, *pair)
        entries = [each for key, each in policy.entries.items() if key[:2] == pair]
        roots = [each.granted for each in entries if each.granted is not None]
        ways = [way for root in roots for way in islice(walker.ways(root, []), 5)]
        if asked_before:
            for way in reversed(ways):
                walker.states.example(way)
        shown.append([walker.states.example(way) for way in ways])
    policy.interpreter.close()

    assert len(shown[0]) > 1
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("held", "asked", "possible"),
    [
        ("acme.example", "eu.acme.example", False),
        ("eu.acme.example", "acme.example", True),
        ("acme.example", "other.example", True),
    ],
)
def test_a_set_that_holds_a_domain_holds_its_subdomains(
    held: str, asked: str, *, possible: bool, tmp_path: Path
) -> None:
    (tmp_path / "schema.yaml").write_text(
        "types:\n"
        "  user: {subject: true, table: users, key: id, attributes: {id: string}}\n"
        "  doc: {table: docs, key: id, attributes: {id: string, domains: set of domain}}\n"
    )
    types = read_schema(tmp_path / "schema.yaml").types
    states = States(read_schema(tmp_path / "schema.yaml"), {}, (types["user"], types["doc"]))
    answers = [
        Outcomes(
            NodeTest(Includes(Member(RESOURCE, "domains"), Literal(domain)), "finite"),
            (True, False),
            frozenset({0 if domain == held else 1}),
        )
        for domain in (held, asked)
    ]

    assert states.possible(answers) is possible
    example = states.example(answers)
    assert (example is not None) is possible
    if example is not None:
        assert [row["domains"] for row in example.rows["doc"]] == [[held]]
