"""When each rule of a policy holds, in words: what a reviewer is shown beside its text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.diagram.diagram import TooLargeError
from sidecar.diagram.nodes import FALSE, Node
from sidecar.engine.policy import Policy
from sidecar.review.aligned_diagrams import Joined
from sidecar.review.condition_cover import MOST_NODES, Covering

Clauses = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class RuleCondition:
    """When one rule holds for a pair of types."""

    file: str
    line: int
    column: int
    """Where it begins, 1-based."""
    subject: str
    resource: str
    when: Clauses
    """In words: one of these applies, and of it everything holds; empty: never."""


def rule_conditions(policy: Policy) -> Iterator[RuleCondition]:
    """Yield when the rules of a pack hold, by facts alone; those with too many are left out.

    Args:
        policy: The pack, loaded for review.
    """
    joined = Joined(policy)
    for scope in joined.scopes():
        covering = Covering(joined, scope)
        found: dict[Place, dict[str, list[Node]]] = {}
        for each in joined.explored(0, scope):
            root = each.root if each.file else None
            if root is not None and joined.is_comparable(0, root, scope):
                operands = found.setdefault((each.file, each.line, each.column), {})
                operands.setdefault(str(each.operands), []).append(joined.take(0, root, scope))
        for place, by_operands in found.items():
            plainest = min(by_operands, key=lambda operands: (len(operands), operands))
            when = _clauses(joined, covering, by_operands[plainest])
            if when is not None:
                yield RuleCondition(*place, *scope, when)


Place = tuple[str, int, int]
"""A file, a line and a column."""


def _clauses(joined: Joined, covering: Covering, roots: Sequence[Node]) -> Clauses | None:
    """Return the conditions under which one of some diagrams holds, None if they are too many."""
    try:
        with joined.trees.bounded(MOST_NODES):
            region = FALSE
            for root in roots:
                region = joined.trees.either(region, root)
            if region is FALSE:
                return ()
            listing = covering.told(region)
    except TooLargeError:
        return None
    return None if listing.unlisted else listing.texts
