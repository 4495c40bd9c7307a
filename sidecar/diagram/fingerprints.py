"""Fingerprints of compiled trees: equal ones mean that two policies ask the same of the facts.

By them the decision log says what a rule came to, so that a line can be judged again by a policy in
which that rule is the same, even where the facts are hashed and nobody has the key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import to_builtins

from sidecar.diagram.nodes import Node, Test
from sidecar.diagram.paths import SETTINGS, Member, within
from sidecar.diagram.questions import facts_of
from sidecar.digests import digest_of
from sidecar.schema import Value

_VERSION = "trees 1"
"""Changes when equal trees come to mean something else."""


class Fingerprints:
    """Fingerprints of the trees of one policy; each node is hashed once."""

    def __init__(self, tests: Sequence[Test], settings: Mapping[str, Value]) -> None:
        self._tests = tests
        self._settings = settings
        self._known: dict[int, str] = {}

    def of(self, root: Node) -> str:
        """Return the fingerprint of a tree: its tests, their settings, and where they lead."""
        below = [root]
        while below:
            node = below[-1]
            missing = [each for each in node.branches if each.number not in self._known]
            if missing and node.number not in self._known:
                below += missing
                continue
            below.pop()
            self._known.setdefault(node.number, self._hashed(node))
        return self._known[root.number]

    def _hashed(self, node: Node) -> str:
        if not node.branches:
            return digest_of(_VERSION, node.number).revision()
        test = self._tests[node.test]
        settings = [
            (path.name, self._settings.get(path.name))
            for path in within(*facts_of(test.question))
            if isinstance(path, Member) and path.base == SETTINGS
        ]
        branches = [self._known[each.number] for each in node.branches]
        kind = None if test.kind is None else test.kind.value
        question = to_builtins(test.question)
        return digest_of(
            _VERSION, question, test.outcomes, kind, settings, node.labels, branches
        ).revision()
