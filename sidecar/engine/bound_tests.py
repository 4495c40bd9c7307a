"""Binds the tests of compiled trees to how their facts are read, for whoever wants each step.

The same functions answer the tests of a tree and, one by one, what Oso asks at request time.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from sidecar.diagram.nodes import FALSE, TRUE, Node, Test
from sidecar.diagram.questions import SETTINGS, Answer, Path, Question, value_of
from sidecar.engine.frame import UNREAD, Frame, Read, constant
from sidecar.engine.paths import Reader
from sidecar.schema import Kind, ValueType

FAULT = "fault"
"""What a walk ends with where the policy fails, or the facts are not what the schema says."""

Tree = bool | str | tuple[Any, Any, Any]
"""A leaf, or (what to read, outcome to tree, tree for any other outcome)."""


def walk(tree: Tree, frame: Frame) -> bool | str:
    """Follow a tree to its leaf: True, False, or `FAULT`."""
    while tree.__class__ is tuple:
        read, outcomes, other = tree
        tree = outcomes.get(read(frame), other)
    return tree  # type: ignore[return-value]  # no tuple is left


class Binder:
    """Binds trees and questions for one type of subject and one type of resource."""

    def __init__(
        self,
        reader: Reader,
        tests: tuple[Test, ...],
        assumed: frozenset[Question] = frozenset(),
    ) -> None:
        """Prepare to bind.

        Args:
            reader: How facts are read.
            tests: Of the policy.
            assumed: Questions that are known to be answered yes wherever these trees are walked.
        """
        self._reader = reader
        self._tests = tests
        self._assumed = assumed
        self._trees: dict[int, Tree] = {}
        self._answers: dict[Question, Read] = {}

    def tree(self, node: Node) -> Tree:
        """Return a compiled tree with its tests bound; equal trees are one object."""
        made = self._trees.get(node.number)
        if made is None:
            made = self._trees[node.number] = self._bound(node)
        return made

    def step(self, node: Node, frame: Frame) -> Tree:
        """Return where one test leads, without following the tree any further."""
        tree = self.tree(node)
        if not isinstance(tree, tuple):
            return tree
        read, outcomes, other = tree
        self._make_room(frame)
        taken: Tree = outcomes.get(read(frame), other)
        return taken

    def members(self, path: Path) -> Read:
        """Return how to read a set: of the settings, or of an entity."""
        return self._set(path)[0]

    def answer(self, question: Question, frame: Frame) -> Answer:
        """Answer a single question, as Oso asks it at request time."""
        if question not in self._answers:
            self._answers[question] = self._asked(question)
        self._make_room(frame)
        answer: Answer = self._answers[question](frame)
        return answer

    def _make_room(self, frame: Frame) -> None:
        """Make room for rows that were not known to be looked for when the frame was made."""
        missing = self._reader.slots - len(frame.cache)
        if missing:
            frame.cache.extend([UNREAD] * missing)

    def _bound(self, node: Node) -> Tree:
        if not node.branches:
            return {TRUE: True, FALSE: False}.get(node, FAULT)
        test = self._tests[node.test]
        if test.question in self._assumed:
            return self.tree(node.branches[node.labels.index(True)])
        branches = [self.tree(branch) for branch in node.branches]
        if test.outcomes == "text":
            value = self._reader.value(test.question[1])
            return (value, dict(zip(node.labels, branches, strict=False)), branches[-1])
        if test.outcomes == "number":
            return (self._region(test, node.labels), dict(enumerate(branches)), FAULT)
        return (self._asked(test.question), dict(zip(node.labels, branches, strict=True)), FAULT)

    def _region(self, test: Test, labels: tuple[Any, ...]) -> Read:
        """Return how many cuts a number has reached.

        A cut is a limit and whether it lies above it: ``(750, False)`` is reached at 750.
        """
        cuts = [(value_of(test.kind or Kind.DECIMAL, text), above) for text, above in labels]
        value = self._reader.value(test.question[1])
        if len(cuts) == 1:  # as most are
            return _above(value, *cuts[0])

        def region(frame: Frame) -> int | None:
            found = value(frame)
            return None if found is None else bisect_right(cuts, (found, False))

        return region

    def _asked(self, question: Question) -> Read:
        kind, value = question[0], self._reader.value
        if kind == "exists":
            return self._reader.exists(question[1])
        if kind == "value":
            return value(question[1])
        if kind in {"present", "is", "least", "above"}:
            return self._literal(question)
        if kind == "order":
            return _order(value(question[1]), value(question[2]))
        if kind == "same":
            left, right = (self._reader.comparable(path) for path in question[1:])
            return lambda frame: None if (found := left(frame)) is None else found == right(frame)
        return self._includes(question[1], question[2])

    def _literal(self, question: Question) -> Read:
        kind, value = question[0], self._reader.value(question[1])
        if kind == "present":
            return lambda frame: value(frame) is not None
        if kind == "is":
            return lambda frame: value(frame) == question[2]
        limit: Any = value_of(Kind(question[3]), question[2])
        if kind == "least":
            return lambda frame: None if (found := value(frame)) is None else found >= limit
        return lambda frame: None if (found := value(frame)) is None else found > limit

    def _includes(self, operand: Path, member: Path) -> Read:
        members, element = self._set(operand)
        literal = member[0] == "literal"
        value = (
            constant(self._reader.literal(element, member[1]))
            if literal
            else self._reader.comparable(member)
        )
        if element.kind is Kind.DOMAIN:
            return lambda frame: covers(members(frame), value(frame))
        return lambda frame: None if (found := members(frame)) is None else value(frame) in found

    def _set(self, path: Path) -> tuple[Read, ValueType]:
        declared = self._reader.attribute(path).type
        if path[1] == SETTINGS:
            return constant(self._reader.settings[path[2]]), declared.element or declared
        return self._reader.value(path), declared.element or declared


def _above(value: Read, limit: Any, above: bool) -> Read:  # noqa: ANN401, FBT001 - one cut
    if above:
        return lambda frame: None if (found := value(frame)) is None else int(found > limit)
    return lambda frame: None if (found := value(frame)) is None else int(found >= limit)


def _order(left: Read, right: Read) -> Read:
    def order(frame: Frame) -> str | None:
        first, second = left(frame), right(frame)
        if first is None or second is None:
            return None
        return "lt" if first < second else "gt" if first > second else "eq"

    return order


def covers(domains: frozenset[str] | None, domain: str | None) -> bool | None:
    """Tell whether a domain, or one that it is a subdomain of, is among `domains`."""
    if domains is None or domain is None:
        return None
    while domain not in domains:
        _, dot, domain = domain.partition(".")
        if not dot:
            return False
    return True
