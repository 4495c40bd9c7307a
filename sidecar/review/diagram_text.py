"""Decision trees as text: one question a line, one branch below the other.

A part that several branches share is written once, with a number, and named afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sidecar.diagram.nodes import LEAVES, Node, Test
from sidecar.diagram.path_text import worded
from sidecar.diagram.questions import NumberOf, TextOf, ValueOf
from sidecar.engine.policy import Policy
from sidecar.schema.messages import in_line, quoted

LEAF_WORDS = ("no", "yes", "the policy fails")
"""By the number of a leaf."""
_ANSWERS = {True: "yes", False: "no", "lt": "less", "eq": "equal", "gt": "more"}
_INDENT = "  "


def outline(policy: Policy, action: str, resource: str) -> Iterator[str]:
    """Yield the compiled decision of an action on a type of resource, line by line.

    Args:
        policy: The compiled policy.
        action: The name of an action that the schema declares for the type.
        resource: The name of the type.
    """
    for subject in policy.schema.subjects():
        entry = policy.entries.get((subject, resource, action))
        if entry is None:
            continue
        yield from tree_lines(policy.tests, f"granted to {subject}?", entry.granted)
        for code, node in entry.forbids.items():
            yield from tree_lines(policy.tests, f"forbidden, {code}?", node)
        for code, node in entry.obliges.items():
            yield from tree_lines(policy.tests, f"obliged, {code}?", node)


def tree_lines(tests: Sequence[Test], title: str, root: Node | None) -> Iterator[str]:
    """Yield the lines of one diagram, below its title.

    Args:
        tests: Of the policy.
        title: What the diagram answers.
        root: Its node; None where it was not compiled.
    """
    if root is None:
        yield f"{title} Oso is asked"
        return
    if root in LEAVES:
        yield f"{title} {LEAF_WORDS[root.number]}"
        return
    yield title
    yield from _Writer(tests, root).lines(root, 1)


class _Writer:
    def __init__(self, tests: Sequence[Test], root: Node) -> None:
        self._tests = tests
        self._met: Counter[int] = Counter()
        self._numbers: dict[int, int] = {}
        self._count(root)

    def lines(self, node: Node, depth: int) -> Iterator[str]:
        """Yield the question of a node and its branches."""
        yield f"{_INDENT * depth}{self._mark(node)}{worded(self._tests[node.test].question)}?"
        for labels, branch in branches_of(self._tests[node.test], node):
            start = f"{_INDENT * (depth + 1)}{labels}:"
            if branch in LEAVES:
                yield f"{start} {LEAF_WORDS[branch.number]}"
            elif branch.number in self._numbers:
                yield f"{start} as [{self._numbers[branch.number]}]"
            else:
                yield start
                yield from self.lines(branch, depth + 2)

    def _count(self, node: Node) -> None:
        for branch in {branch.number: branch for branch in node.branches}.values():
            self._met[branch.number] += 1
            if branch not in LEAVES and self._met[branch.number] == 1:
                self._count(branch)

    def _mark(self, node: Node) -> str:
        if self._met[node.number] < 2:  # noqa: PLR2004  met twice is shared
            return ""
        self._numbers[node.number] = len(self._numbers) + 1
        return f"[{self._numbers[node.number]}] "


def branches_of(test: Test, node: Node) -> Iterator[tuple[str, Node]]:
    """Yield the branches with their labels; outcomes that lead to the same place are one branch."""
    together: dict[int, tuple[list[str], Node]] = {}
    for label, branch in zip(_labels(test, node), node.branches, strict=True):
        together.setdefault(branch.number, ([], branch))[0].append(label)
    for labels, branch in together.values():
        yield ", ".join(labels), branch


def _labels(test: Test, node: Node) -> list[str]:
    match test.question:
        case TextOf():
            return [*map(quoted, node.labels), "anything else"]
        case NumberOf():
            return _intervals(node)
        case ValueOf():
            return [in_line(e) if isinstance(e, str) else _ANSWERS[e] for e in node.labels]
        case _:
            return [_ANSWERS[label] for label in node.labels]


def _intervals(node: Node) -> list[str]:
    starts = ["", *(f"{'>' if above else '>='} {text}" for text, above in node.labels)]
    ends = [*(f"{'<=' if above else '<'} {text}" for text, above in node.labels), ""]
    return [" and ".join(filter(None, pair)) for pair in zip(starts, ends, strict=True)]
