"""Checks of what the diagrams of a bundle test, by what the schema declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

from sidecar.bundle.errors import bundle_error
from sidecar.diagram.nodes import LEAVES
from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.questions import (
    ACTION,
    CONTEXT,
    ORDERS,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    YES_NO,
    Answer,
    Path,
    Question,
    from_json,
    value_of,
)
from sidecar.schema import Attribute, Kind, ValueType
from sidecar.schema.model import ORDERED, TEXTS

MOST_DIGITS = 80
"""Of a number in a label: more than a decimal of a policy has."""

ENTITIES = frozenset({SUBJECT, RESOURCE})
"""Roots of paths that are entities."""
RECORDS = frozenset({ACTION, CONTEXT, SETTINGS})
"""Roots of paths that are not, and have members."""


class DiagramScope:
    """Checks the nodes below an entry, each once."""

    def __init__(
        self, types: PathTypes, nodes: Sequence[Any], tests: Sequence[Any], checked: set[int]
    ) -> None:
        """Prepare to check.

        Args:
            types: The types of subject and resource, and the action.
            nodes: All nodes.
            tests: All tests.
            checked: Nodes that were checked for the same types, whatever the action.
        """
        self._types = types
        self._nodes = nodes
        self._tests = tests
        self.checked = {*checked, *range(len(LEAVES))}
        self._outcomes: dict[int, _Outcomes] = {}
        self._paths: set[Path] = set()

    def check(self, place: str, root: int) -> None:
        """Check a node and all below it.

        Raises:
            BundleError: There is no such node, or one tests what the schema does not declare.
        """
        if not 0 <= root < len(self._nodes) + len(LEAVES):
            raise bundle_error(place, f"node {root} does not exist")
        waiting = [root]
        while waiting:
            number = waiting.pop()
            if number in self.checked:
                continue
            self.checked.add(number)
            _, test, labels, branches = self._nodes[number - len(LEAVES)]
            if test not in self._outcomes:
                self._outcomes[test] = self._outcomes_of(test)
            if not self._outcomes[test](labels):
                where = f"nodes[{number - len(LEAVES)}]"
                raise bundle_error(where, f"has labels that are no outcomes of test {test}")
            waiting += branches

    def _outcomes_of(self, test: int) -> _Outcomes:
        """Return what tells whether labels are outcomes of a test that these types can have."""
        question, _, kind = self._tests[test]
        try:
            outcomes = self._possible(from_json(question), kind)
        except LookupError:
            outcomes = None
        if outcomes is None:
            raise bundle_error(f"tests[{test}]", "is about what the schema does not declare so")
        return outcomes

    def _possible(self, question: Question, kind: str | None) -> _Outcomes | None:
        """Return the same; None, or LookupError, where the schema does not declare it so."""
        match question:
            case ("exists", path):
                return _exactly(YES_NO) if self._is_entity(path) else None
            case ("present", path):
                self._attribute(path)
                return _exactly(YES_NO)
            case ("value", path):
                return _values_of(self._attribute(path))
            case ("text", path):
                return _any_text if self._attribute(path).type.kind in TEXTS else None
            case ("number", path):
                declared = self._attribute(path).type.kind
                known = declared in ORDERED and declared.value == kind
                return partial(_are_cuts, declared) if known else None
            case ("order", left, right):
                kinds = {self._attribute(path).type.kind for path in (left, right)}
                return _exactly(ORDERS) if len(kinds) == 1 and kinds <= ORDERED else None
            case ("same", left, right):
                alike = self._is_entity(left) == self._is_entity(right)
                return _exactly(YES_NO) if alike else None
            case ("includes", members, member):
                element = self._attribute(members).type.element
                fits = element is not None and self._is_operand(member, element)
                return _exactly(YES_NO) if fits else None
            case _:
                return None

    def _is_entity(self, path: Path) -> bool:
        self._check_path(path)
        return self._types.is_entity(path)

    def _attribute(self, path: Path) -> Attribute:
        self._check_path(path)
        if path[0] != "member":
            raise LookupError(path)
        return self._types.attribute(path)

    def _check_path(self, path: Path) -> None:
        """Check every step of a path, and what its look-ups are made with.

        Raises:
            LookupError: The schema does not declare one.
        """
        if path in ENTITIES or path in self._paths:
            return
        if path[0] == "lookup":
            self._check_path(path[1])
            arguments, operands = self._types.argument_types(path), path[3]
            pairs = zip(operands, arguments, strict=False)
            if len(operands) != len(arguments) or not all(
                self._is_operand(operand, declared) for operand, declared in pairs
            ):
                raise LookupError(path)
        else:
            if path[1] not in RECORDS:
                self._check_path(path[1])
            self._types.attribute(path)
        self._paths.add(path)

    def _is_operand(self, operand: Path, declared: ValueType) -> bool:
        if operand[0] == "literal":
            return declared.kind is Kind.REFERENCE or _is_readable(declared.kind, operand[1])
        self._check_path(operand)
        return True


_Outcomes = Callable[[Sequence[Any]], bool]
"""Returns whether labels are outcomes of a test."""


def _exactly(outcomes: tuple[Answer, ...]) -> _Outcomes:
    return lambda labels: tuple(labels) == outcomes


def _any_text(_labels: Sequence[Any]) -> bool:
    return True


def _values_of(attribute: Attribute) -> _Outcomes | None:
    """Return the outcomes of a value that is one of few; None for any other."""
    if attribute.type.kind is Kind.BOOLEAN:
        return _exactly(YES_NO)
    if attribute.type.kind is Kind.ENUM:
        return frozenset(attribute.only or attribute.type.values).issuperset
    return None


def _are_cuts(kind: Kind, labels: Sequence[Any]) -> bool:
    """Return whether labels are limits of this kind, each above the one before."""
    if not all(_is_readable(kind, text) for text, _ in labels):
        return False
    cuts = [(value_of(kind, text), above) for text, above in labels]
    return all(low < high for low, high in pairwise(cuts))


def _is_readable(kind: Kind, text: str) -> bool:
    if len(text) > MOST_DIGITS and kind in ORDERED:
        return False
    try:
        value = value_of(kind, text)
    except (ValueError, ArithmeticError):
        return False
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return not isinstance(value, Decimal) or value.is_finite()
