"""Evaluates decision diagrams on the facts of one request.

There is one evaluator. It binds the tests of a diagram to functions that read facts, walks from the
root to a leaf, and reports the path step by step where an explanation, the decision log, coverage
or a search needs it. The same functions answer single questions that Oso asks at request time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from sidecar.diagram import nodes
from sidecar.diagram.nodes import FALSE, TRUE, Node, Test
from sidecar.diagram.paths import SETTINGS, Member, Operand, Path
from sidecar.diagram.questions import (
    Above,
    Answer,
    AtLeast,
    Equals,
    Exists,
    Includes,
    NumberOf,
    Order,
    Present,
    Question,
    RuleHolds,
    Same,
    TextOf,
    ValueOf,
    value_of,
)
from sidecar.engine.frame import Frame, Read, constant
from sidecar.engine.paths import Reader
from sidecar.schema import Kind, ValueType

FAULT = "fault"
"""The value of a leaf where the policy fails, or where a fact is not what the schema declares."""

Bound = Any
"""A bound diagram: the value of a leaf, or a tuple (function that reads the outcome of a test,
outcome to bound diagram, bound diagram for every other outcome)."""

Branches = tuple[Read, Mapping[Any, Node], Node]
"""How a node is left: the function that reads the outcome, outcome to node, node for any other."""


def evaluate(bound: Bound, frame: Frame) -> Any:  # noqa: ANN401  whatever the leaves hold
    """Walk a bound diagram to its leaf and return the value there: True, False or `FAULT`."""
    while bound.__class__ is tuple:
        read, outcomes, other = bound
        bound = outcomes.get(read(frame), other)
    return bound


class Evaluator:
    """Evaluates the diagrams of one policy for one type of subject and one type of resource."""

    def __init__(
        self,
        reader: Reader,
        tests: tuple[Test, ...],
        assumed: frozenset[Question] = frozenset(),
    ) -> None:
        """Prepare to evaluate.

        Args:
            reader: How facts are read.
            tests: Of the policy.
            assumed: Questions whose answer is yes wherever these diagrams are evaluated.
        """
        self._reader = reader
        self._tests = tests
        self._assumed = assumed
        self._bound: dict[int, Bound] = {
            TRUE.number: True,
            FALSE.number: False,
            nodes.FAULT.number: FAULT,
        }
        self._branches: dict[int, Branches] = {}
        self._answers: dict[Question, Read] = {}

    def bind(self, root: Node) -> Bound:
        """Return a diagram with its tests bound; equal diagrams are one object.

        Diagrams are deep, so this does not recurse.
        """
        open_nodes = [root]
        while open_nodes:
            node = open_nodes[-1]
            if node.number in self._bound:
                open_nodes.pop()
                continue
            read, outcomes, other = self._branches_of(node)
            unbound = [
                below for below in (*outcomes.values(), other) if below.number not in self._bound
            ]
            if unbound:
                open_nodes += unbound
            elif not outcomes:
                self._bound[node.number] = self._bound[other.number]
            else:
                bound = {outcome: self._bound[below.number] for outcome, below in outcomes.items()}
                if self._reads_again(node, outcomes):
                    read, below, other_bound = bound[True]
                    self._bound[node.number] = (read, {**below, None: bound[False]}, other_bound)
                else:
                    self._bound[node.number] = (read, bound, self._bound[other.number])
        return self._bound[root.number]

    def _reads_again(self, node: Node, outcomes: Mapping[Any, Node]) -> bool:
        """Tell whether a node asks if a value is present, and the next one reads that value.

        Then the value alone is read: None where it is absent. That is a node of seven, and takes a
        fourteenth of a decision.
        """
        question, below = self._tests[node.test].question, outcomes.get(True)
        if not isinstance(question, Present) or below is None or not below.branches:
            return False
        match self._tests[below.test].question:
            case ValueOf(path) | TextOf(path) | NumberOf(path):
                return path == question.path
            case _:
                return False

    def walk(self, node: Node, frame: Frame) -> Iterator[Node]:
        """Yield the nodes of the path that facts take through a diagram, its leaf last."""
        yield node
        while node.branches:
            node = self.step(node, frame)
            yield node

    def step(self, node: Node, frame: Frame) -> Node:
        """Return the node to which one test leads; the fault leaf where it has no outcome."""
        read, outcomes, other = self._branches_of(node)
        self._reader.make_room(frame)
        return outcomes.get(read(frame), other)

    def members(self, path: Path) -> Read:
        """Return how to read a set: of the settings, or of an entity."""
        return self._set(path)[0]

    def answer(self, question: Question, frame: Frame) -> Answer:
        """Answer a single question, as Oso asks it at request time."""
        if question not in self._answers:
            self._answers[question] = self._asked(question)
        self._reader.make_room(frame)
        answer: Answer = self._answers[question](frame)
        return answer

    def _branches_of(self, node: Node) -> Branches:
        made = self._branches.get(node.number)
        if made is None:
            made = self._branches[node.number] = self.bind_test(node)
        return made

    def bind_test(self, node: Node) -> Branches:
        """Return how a node of any diagram is left: to the fault leaf where nothing else fits."""
        test, branches = self._tests[node.test], node.branches
        if test.question in self._assumed:
            return (constant(value=True), {}, branches[node.labels.index(True)])
        match test.question:
            case TextOf(path):
                outcomes = dict(zip(node.labels, branches, strict=False))
                return (self._reader.value(path), outcomes, branches[-1])
            case NumberOf(path):
                region = self._region(path, test.kind or Kind.DECIMAL, node.labels)
                return (region, dict(enumerate(branches)), nodes.FAULT)
            case question:
                outcomes = dict(zip(node.labels, branches, strict=True))
                return (self._asked(question), outcomes, nodes.FAULT)

    def _region(self, path: Path, kind: Kind, labels: tuple[Any, ...]) -> Read:
        """Return how many cuts a number has reached.

        A cut is a limit and whether it lies above it: ``(750, False)`` is reached at 750.
        """
        cuts = [(value_of(kind, text), above) for text, above in labels]
        value = self._reader.value(path)
        if len(cuts) == 1:  # as most are
            limit, above = cuts[0]
            return _reached(value, limit, above=above)

        def region(frame: Frame) -> int | None:
            found = value(frame)
            return None if found is None else bisect_right(cuts, (found, False))

        return region

    def _asked(self, question: Question) -> Read:
        reader = self._reader
        match question:
            case Exists(path):
                return reader.exists(path)
            case Present(path):
                return reader.is_present(reader.value(path))
            case ValueOf(path) | TextOf(path) | NumberOf(path):
                return reader.value(path)
            case Equals(path, text):
                return _equals(reader.value(path), text)
            case AtLeast(path, limit, kind) | Above(path, limit, kind):
                above = isinstance(question, Above)
                return _reached(reader.value(path), value_of(kind, limit), above=above)
            case Order(left, right):
                return _order(reader.value(left), reader.value(right))
            case Same(left, right):
                return _same(reader.comparable(left), reader.comparable(right))
            case Includes(members, value):
                return self._includes(members, value)
            case RuleHolds(name):
                raise LookupError(f"`{name}` is no question about facts")

    def _includes(self, path: Path, operand: Operand) -> Read:
        members, element = self._set(path)
        value = self._reader.operand(operand, element)
        if element.kind is Kind.DOMAIN:
            return lambda frame: covers(members(frame), value(frame))
        return lambda frame: None if (found := members(frame)) is None else value(frame) in found

    def _set(self, path: Path) -> tuple[Read, ValueType]:
        declared = self._reader.attribute(path).type
        if isinstance(path, Member) and path.base == SETTINGS:
            return constant(self._reader.settings[path.name]), declared.single
        return self._reader.value(path), declared.single


def _equals(value: Read, text: str) -> Read:
    return lambda frame: value(frame) == text


def _same(left: Read, right: Read) -> Read:
    return lambda frame: None if (found := left(frame)) is None else found == right(frame)


def _reached(value: Read, limit: Any, *, above: bool) -> Read:  # noqa: ANN401 - of any ordered kind
    if above:
        return lambda frame: None if (found := value(frame)) is None else found > limit
    return lambda frame: None if (found := value(frame)) is None else found >= limit


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
