"""Writes compiled trees as functions of a frame, in Python: a walk without looking anything up.

`binding` follows the same trees node by node, where somebody wants to know each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sidecar.diagram import nodes as policy_nodes
from sidecar.diagram.nodes import FALSE, TRUE, Node, Test
from sidecar.diagram.questions import Path, Question, value_of
from sidecar.engine.bound_tests import FAULT, covers
from sidecar.engine.frame import Frame
from sidecar.engine.path_codegen import Constants, Lines
from sidecar.engine.paths import Reader
from sidecar.schema import Kind

Written = Callable[[Frame], Any]
"""Returns True, False, or `FAULT`; of a joint tree what stands at its leaf, or `FAULT`."""

MOST_NODES = 20_000
"""Of all trees for one pair of types; larger ones are walked, since writing them takes long."""

_SMALL = 3
"""Nodes of a tree that is written out wherever it is reached."""

_DEEPEST = 30
"""Branches in branches of one function: Python takes a hundred levels."""


class Writer:
    """Writes trees for one type of subject and one type of resource."""

    def __init__(
        self,
        reader: Reader,
        tests: tuple[Test, ...],
        assumed: frozenset[Question] = frozenset(),
        leaves: Mapping[int, object] = MappingProxyType({}),
    ) -> None:
        """Prepare to write.

        Args:
            reader: How facts are read.
            tests: Of the policy.
            assumed: Questions that are known to be answered yes wherever these trees are asked.
            leaves: What is returned at leaves that are none of the three, by their numbers.
        """
        self.texts: dict[int, str] = {}
        """What was written, by the number of the node that it begins with."""
        self._reader = reader
        self._tests = tests
        self._assumed = assumed
        self._constants = Constants()
        self._constants.names |= {"FAULT": FAULT, "covers": covers}
        self._leaves = {
            TRUE.number: "True",
            FALSE.number: "False",
            policy_nodes.FAULT.number: "FAULT",
        }
        for number, value in leaves.items():
            self._leaves[number] = f"l{number}"
            self._constants.names[f"l{number}"] = value
        self._reached: dict[int, int] = {}
        self._sizes: dict[int, int] = {}

    def functions(self, roots: Iterable[Node]) -> dict[int, Written]:
        """Return the functions of trees by the number of their root."""
        numbers = []
        for root in roots:
            self._count(root)
            numbers.append(root.number)
            self._write(root)
        return {number: self._constants.names[f"n{number}"] for number in numbers}

    def _count(self, root: Node) -> None:
        """Count the ways that lead to each node, and the nodes below it up to a few."""
        open_nodes = [(root, False)]
        while open_nodes:
            node, ready = open_nodes.pop()
            if ready:
                self._sizes[node.number] = 1 + sum(self._sizes[b.number] for b in node.branches)
                continue
            self._reached[node.number] = self._reached.get(node.number, 0) + 1
            if self._reached[node.number] == 1:
                open_nodes.append((node, True))
                open_nodes += [(branch, False) for branch in node.branches]

    def _write(self, root: Node) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if node.number in self.texts:
                continue
            lines = Lines(self._reader, self._constants, frozenset())
            for question in self._assumed:
                if question[0] == "exists":
                    lines.assume_row(question[1])
            tree = _Tree(
                lines=lines,
                tests=self._tests,
                assumed=self._assumed,
                leaves=self._leaves,
                apart=self._apart,
                waiting=waiting,
            )
            tree.write(node)
            text = lines.text(f"n{node.number}")
            self.texts[node.number] = text
            # Nothing in the text is anybody's but ours; see `expressions`.
            exec(compile(text, f"<tree {node.number}>", "exec"), self._constants.names)  # noqa: S102

    def _apart(self, node: Node, indent: int) -> bool:
        """Tell whether a node below another gets a function of its own."""
        if node.number in self.texts or indent > _DEEPEST:
            return self._sizes[node.number] > _SMALL
        return self._reached[node.number] > 1 and self._sizes[node.number] > _SMALL


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """Writes the lines of one tree, up to the nodes that have functions of their own."""

    lines: Lines
    tests: tuple[Test, ...]
    assumed: frozenset[Question]
    leaves: Mapping[int, str]
    apart: Callable[[Node, int], bool]
    waiting: list[Node]

    def write(self, node: Node) -> None:
        """Write a tree; what follows is never reached."""
        if not node.branches:
            self.lines.add(f"return {self.leaves[node.number]}")
            return
        test = self.tests[node.test]
        if test.question in self.assumed:
            self.write(node.branches[node.labels.index(True)])
        elif test.outcomes == "text":
            value = self.lines.value(test.question[1])
            self._cases(value, node.labels, node.branches)
            self._below(node.branches[-1])
        elif test.outcomes == "number":
            self._regions(test, node)
        else:
            self._finite(test.question, node)

    def _below(self, node: Node) -> None:
        if node.branches and self.apart(node, self.lines.indent):
            self.waiting.append(node)
            self.lines.add(f"return n{node.number}(frame)")
        else:
            self.write(node)

    def _branch(self, condition: str, node: Node) -> None:
        with self.lines.branch(condition):
            self._below(node)

    def _cases(self, value: str, labels: Iterable[Any], branches: Iterable[Node]) -> None:
        """Write one branch for all labels that lead to the same node."""
        groups: dict[int, tuple[Node, list[Any]]] = {}
        for label, branch in zip(labels, branches, strict=False):
            groups.setdefault(branch.number, (branch, []))[1].append(label)
        for branch, same in groups.values():
            if len(same) == 1:
                self._branch(f"{value} == {self.lines.constant(same[0])}", branch)
            else:
                self._branch(f"{value} in {self.lines.constant(frozenset(same))}", branch)

    def _regions(self, test: Test, node: Node) -> None:
        value = self.lines.value(test.question[1])
        self.lines.add(f"if {value} is None: return FAULT")
        cuts = list(zip(node.labels, node.branches[1:], strict=True))
        for (text, above), branch in reversed(cuts):
            limit = self.lines.constant(value_of(test.kind or Kind.DECIMAL, text))
            self._branch(f"{value} {'>' if above else '>='} {limit}", branch)
        self._below(node.branches[0])

    def _finite(self, question: Question, node: Node) -> None:
        kind, lines = question[0], self.lines
        branches = dict(zip(node.labels, node.branches, strict=True))
        if kind == "value":
            self._cases(lines.value(question[1]), node.labels, node.branches)
            lines.add("return FAULT")
        elif kind == "order":
            left, right = (lines.value(path) for path in question[1:])
            lines.add(f"if {left} is None or {right} is None: return FAULT")
            self._branch(f"{left} < {right}", branches["lt"])
            self._branch(f"{left} > {right}", branches["gt"])
            self._below(branches["eq"])
        elif kind == "exists":
            with lines.branch(lines.exists(question[1])):
                if question[0] == "exists":
                    lines.assume_row(question[1])
                self._below(branches[True])
            self._below(branches[False])
        else:
            self._branch(self._yes(question), branches[True])
            self._below(branches[False])

    def _yes(self, question: Question) -> str:
        """Return when a question is answered yes; lines before it see to what has no answer."""
        kind, lines = question[0], self.lines
        if kind == "includes":
            return self._included(question[1], question[2])
        if kind == "same":
            left, right = (lines.comparable(path) for path in question[1:])
            lines.add(f"if {left} is None: return FAULT")
            return f"{left} == {right}"
        value = lines.value(question[1])
        if kind == "present":
            return f"{value} is not None"
        if kind == "is":
            return f"{value} == {lines.constant(question[2])}"
        lines.add(f"if {value} is None: return FAULT")
        limit = lines.constant(value_of(Kind(question[3]), question[2]))
        return f"{value} {'>=' if kind == 'least' else '>'} {limit}"

    def _included(self, operand: Path, member: Path) -> str:
        lines = self.lines
        element = lines.element(operand)
        members = lines.value(operand)
        literal = member[0] == "literal"
        value = (
            lines.constant(self.lines.literal(element, member[1]))
            if literal
            else lines.comparable(member)
        )
        if element.kind is Kind.DOMAIN:
            found = lines.variable(f"covers({members}, {value})")
            lines.add(f"if {found} is None: return FAULT")
            return found
        lines.add(f"if {members} is None: return FAULT")
        return f"{value} in {members}"
