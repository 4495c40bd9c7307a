"""Groups of resources that refer to the same entity, such as the memberships of one account."""

from __future__ import annotations

from collections import Counter

from sidecar.diagram.nodes import Test
from sidecar.diagram.paths import RESOURCE, Member, Operand, parts_of
from sidecar.diagram.questions import Question, facts_of
from sidecar.facts import Row
from sidecar.schema import EntityType, Kind, Value


class Groups:
    """The groups of one type of resource, by the reference that most tests go through."""

    def __init__(self, resource: EntityType, tests: tuple[Test, ...]) -> None:
        """Choose the reference.

        Args:
            resource: The type.
            tests: Of the policy, those of other types too.
        """
        stored = {
            name
            for name, attribute in resource.attributes.items()
            if attribute.type.kind is Kind.REFERENCE and not attribute.caller
        }
        used = Counter(
            name for test in tests for name in _columns(*facts_of(test.question)) if name in stored
        )
        self._name = max(used, key=lambda name: (used[name], name), default=None)
        self._index = list(resource.attributes).index(self._name) if self._name else 0

    def of(self, row: Row | None) -> Value:
        """Return the group of a resource by its row; None for one of its own."""
        return row[self._index] if row is not None and self._name is not None else None

    def is_shared(self, question: Question) -> bool:
        """Tell whether a test reads of the resource nothing but what its reference leads to."""
        return self._name is not None and {*_columns(*facts_of(question))} <= {self._name}


def _columns(*operands: Operand) -> list[str | None]:
    """Return the columns of the resource that operands read; None for the resource itself."""
    found: list[str | None] = []
    waiting = list(operands)
    while waiting:
        operand = waiting.pop()
        if isinstance(operand, Member) and operand.base == RESOURCE:
            found.append(operand.name)
        elif operand == RESOURCE:
            found.append(None)
        else:
            waiting += parts_of(operand)
    return found
