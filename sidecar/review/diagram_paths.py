"""Ways through the trees of a policy: those that can be, and the one that facts follow.

A way leads from the root of a tree to a leaf, by the answers to the tests that are passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.diagram.nodes import FALSE, TRUE, Node, Test
from sidecar.diagram.paths import RESOURCE, SUBJECT
from sidecar.diagram.questions import YES_NO, Exists, Tested
from sidecar.engine import Frame
from sidecar.engine.always_on import Existence, existence_of_resource
from sidecar.engine.evaluator import Evaluator
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.conditions import Outcomes, branches_of
from sidecar.review.states import States

Known = Mapping[Tested, bool]
"""Answers without which a tree is not asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One tree of a policy, with the actions that share it."""

    scope: Scope
    what: str
    """``granted``, or ``forbid`` or ``oblige`` with the reason or obligation."""
    root: Node
    known: Known
    actions: list[str]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to a leaf."""

    nodes: tuple[int, ...]
    """The numbers of the nodes on it."""
    answers: tuple[Outcomes, ...]


class Walks:
    """Follows the trees of one pair of types."""

    def __init__(self, policy: Policy, scope: Scope) -> None:
        types = policy.schema.types
        pair = (types[scope[0]], types[scope[1]])
        self.states = States(policy.schema, policy.settings, pair)
        self._tests = policy.tests
        self._reader = Reader(policy.schema, policy.settings, *pair)
        self._evaluator = Evaluator(self._reader, policy.tests)

    @staticmethod
    def prepared(frame: Frame) -> Frame:
        """Make a frame ready: what others looked up in it has other places here."""
        frame.cache = []
        return frame

    def holds(self, root: Node, frame: Frame) -> bool:
        """Tell whether facts lead to yes."""
        *_, leaf = self._evaluator.walk(root, frame)
        return leaf is TRUE

    def taken(self, tree: Tree, frame: Frame) -> tuple[int, ...] | None:
        """Return the nodes on the way that facts follow.

        None where the tree is not evaluated, or where facts are not what the schema says.
        """
        for question, holds in tree.known.items():
            if self._evaluator.answer(question, frame) is not holds:
                return None
        nodes = list(self._evaluator.walk(tree.root, frame))
        if len(nodes) > 1 and nodes[-1] not in nodes[-2].branches:
            return None
        return tuple(node.number for node in nodes)

    def ways(self, tree: Tree) -> Iterator[Way]:
        """Yield the ways through a tree that can be."""
        answers = list(answers_of(tree.known))
        given = len(answers)

        def below(node: Node, numbers: tuple[int, ...]) -> Iterator[Way]:
            if not node.branches:
                yield Way(numbers, tuple(answers[given:]))
                return
            test = self._tests[node.test]
            for outcomes, branch in branches_of(test, node):
                known = tree.known.get(test.question)
                if known is not None:
                    if node.labels.index(known) in outcomes:
                        yield from below(branch, (*numbers, branch.number))
                    continue
                answers.append(Outcomes(test, node.labels, outcomes))
                if self.states.possible(answers):
                    yield from below(branch, (*numbers, branch.number))
                answers.pop()

        yield from below(tree.root, (tree.root.number,))


def trees_of(policy: Policy) -> Iterator[Tree]:
    """Yield the trees of all declared actions, each once for those that share it."""
    found: dict[tuple[Scope, str, int, tuple[tuple[Tested, bool], ...]], Tree] = {}
    for (subject, resource, action), entry in policy.entries.items():
        if action == UNDECLARED_ACTION:
            continue
        assumed = _assumed(policy, resource, action)
        coded = [
            *(("granted", entry.granted, assumed),),
            *((f"forbid {code}", node, {}) for code, node in entry.forbids.items()),
            *((f"oblige {code}", node, assumed) for code, node in entry.obliges.items()),
        ]
        for what, node, known in coded:
            # Without a rule there is no tree, and of what Oso is asked nobody knows one.
            if node is None or node is FALSE:
                continue
            key = ((subject, resource), what, node.number, tuple(known.items()))
            if key not in found:
                found[key] = Tree((subject, resource), what, node, known, [])
            found[key].actions.append(action)
    yield from found.values()


def _assumed(policy: Policy, resource: str, action: str) -> dict[Tested, bool]:
    """Return what has to be before a grant is asked (`always_on`)."""
    declared = policy.schema.types[resource]
    known: dict[Tested, bool] = {Exists(SUBJECT): True}
    needed = existence_of_resource(declared, declared.actions[action])
    if needed is not Existence.ANY:
        known[Exists(RESOURCE)] = needed is Existence.REQUIRED
    return known


def answers_of(known: Known) -> Iterator[Outcomes]:
    """Yield what is known as answers."""
    for question, holds in known.items():
        yield Outcomes(Test(question, "finite"), YES_NO, frozenset({YES_NO.index(holds)}))
