"""Diagrams in which a declared value is given, and the paths by which they read it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sidecar.diagram.nodes import FALSE, TRUE, Label, Node
from sidecar.diagram.path_types import PathTypes, paths_of
from sidecar.diagram.paths import ACTION, CONTEXT, SETTINGS, Member, Path
from sidecar.diagram.questions import Present, Tested, ValueOf, facts_of
from sidecar.review.aligned_diagrams import Joined, Scope
from sidecar.schema import Attribute, Schema

Owner = tuple[str, ...]
"""``context``; ``attribute`` and a type; ``property``, a type of resource and an action."""


def attributes_of(schema: Schema) -> Iterator[tuple[tuple[Owner, str], Attribute]]:
    """Yield what a schema declares, each with its owner and its name."""
    for name, attribute in schema.context.items():
        yield (("context",), name), attribute
    for type_name, declared in schema.types.items():
        for name, attribute in declared.attributes.items():
            yield (("attribute", type_name), name), attribute
        for action in declared.actions.values():
            for name, attribute in action.properties.items():
                yield (("property", type_name, action.name), name), attribute


class FixedValues:
    """Puts values of facts into diagrams."""

    def __init__(self, joined: Joined) -> None:
        self._joined = joined
        self._fixed: dict[tuple[int, Path, Label], Node] = {}
        self._whatever: dict[tuple[int, Path, frozenset[Label]], Node] = {}

    def paths(
        self, scope: Scope, action: str, declared: tuple[Owner, str], roots: Sequence[Node]
    ) -> Iterator[Path]:
        """Yield the paths by which diagrams read a value, and `CONTEXT` where they compare it."""
        types = paths_of(self._joined.schema, *scope)
        tests = {node.test for node in self._joined.trees.reachable(roots) if node.branches}
        for test in sorted(tests):
            question = self._question(test)
            for path in facts_of(question):
                if _owner(path, types, scope, action) == declared:
                    yield path
                    if not isinstance(question, ValueOf | Present):
                        yield CONTEXT  # a second one: two facts are compared with each other

    def fix(self, node: Node, path: Path, value: Label) -> Node:
        """Return a diagram where a flag or an enum has a value; None: where it has none."""
        if not node.branches:
            return node
        key = (node.number, path, value)
        if key not in self._fixed:
            question = self._question(node.test)
            if question == ValueOf(path):
                at = node.labels.index(value) if value in node.labels else None
                branch = FALSE if at is None else node.branches[at]
                self._fixed[key] = self.fix(branch, path, value)
            elif question == Present(path):
                there = value is not None
                self._fixed[key] = self.fix(node.branches[node.labels.index(there)], path, value)
            else:
                branches = [self.fix(branch, path, value) for branch in node.branches]
                self._fixed[key] = self._joined.trees.place(node.test, node.labels, branches)
        return self._fixed[key]

    def whatever(self, node: Node, path: Path, values: Collection[Label] | None = None) -> Node:
        """Return where a diagram holds whatever the value of a fact is.

        Args:
            node: The diagram.
            path: The path of the fact, which has a value.
            values: The values of the flag or enum that count; None: all.
        """
        if not node.branches:
            return TRUE if node is TRUE else FALSE
        key = (node.number, path, frozenset(values or ()))
        if key not in self._whatever:
            question, trees = self._question(node.test), self._joined.trees
            if question == Present(path):
                there = node.branches[node.labels.index(True)]
                found = self.whatever(there, path, values)
            else:
                branches = [self.whatever(branch, path, values) for branch in node.branches]
                if question == ValueOf(path) and values is not None:
                    known = zip(node.labels, branches, strict=True)
                    branches = [branch for label, branch in known if label in values]
                if path in facts_of(question):
                    found = TRUE
                    for branch in branches:
                        found = trees.choose(found, branch, FALSE)
                else:
                    found = trees.place(node.test, node.labels, branches)
            self._whatever[key] = found
        return self._whatever[key]

    def _question(self, test: int) -> Tested:
        return self._joined.trees.tests[test].question


def _owner(path: Path, types: PathTypes, scope: Scope, action: str) -> tuple[Owner, str] | None:
    """Return what declares a fact."""
    if not isinstance(path, Member):
        return None
    if path.base == CONTEXT:
        return ("context",), path.name
    if path.base == ACTION:
        return ("property", scope[1], action), path.name
    if path.base == SETTINGS or not types.is_entity(path.base):
        return None
    return ("attribute", types.type_of(path.base).name), path.name
