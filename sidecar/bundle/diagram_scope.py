"""Checks of what the diagrams of a bundle test, by what the schema declares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any, TypeGuard

from sidecar.bundle.errors import bundle_error
from sidecar.bundle.model import NodeRow
from sidecar.diagram.nodes import LEAVES, Test
from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.paths import (
    ACTION,
    CONTEXT,
    RESOURCE,
    SETTINGS,
    SUBJECT,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
)
from sidecar.diagram.questions import (
    ORDERS,
    YES_NO,
    Answer,
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
    facts_of,
    value_of,
)
from sidecar.schema import Attribute, Kind, ValueType
from sidecar.schema.model import ORDERED, TEXTS

MOST_DIGITS = 80
"""Of a number in a label: more than a decimal of a policy has."""

ENTITIES: frozenset[Path] = frozenset({SUBJECT, RESOURCE})
"""Roots of paths that are entities."""
RECORDS: frozenset[Path] = frozenset({ACTION, CONTEXT, SETTINGS})
"""Roots of paths that are not, and have members."""


class DiagramScope:
    """Checks the nodes below an entry, each once."""

    def __init__(
        self, types: PathTypes, nodes: Sequence[NodeRow], tests: Sequence[Test], checked: set[int]
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
            row = self._nodes[number - len(LEAVES)]
            if row.test not in self._outcomes:
                self._outcomes[row.test] = self._outcomes_of(row.test)
            if not self._outcomes[row.test](row.labels):
                where = f"nodes[{number - len(LEAVES)}]"
                raise bundle_error(where, f"has labels that are no outcomes of test {row.test}")
            waiting += row.branches

    def _outcomes_of(self, test: int) -> _Outcomes:
        """Return what tells whether labels are outcomes of a test that these types can have."""
        question = self._tests[test].question
        try:
            for path in facts_of(question):
                self._check_fact(path, question)
            outcomes = self._possible(self._tests[test])
        except LookupError:
            outcomes = None
        if outcomes is None:
            raise bundle_error(f"tests[{test}]", "is about what the schema does not declare so")
        return outcomes

    def _possible(self, test: Test) -> _Outcomes | None:
        """Return the same; None, or LookupError, where the schema does not declare it so."""
        attribute = self._types.attribute
        match test.question:
            case Exists(path):
                return _exactly(YES_NO) if self._types.is_entity(path) else None
            case Present(path):
                attribute(path)
                return _exactly(YES_NO)
            case ValueOf(path):
                return _values_of(attribute(path))
            case TextOf(path):
                return _any_text if attribute(path).type.kind in TEXTS else None
            case NumberOf(path):
                declared = attribute(path).type.kind
                known = declared in ORDERED and declared is test.kind
                return partial(_are_cuts, declared) if known else None
            case Order(left, right):
                kinds = {attribute(path).type.kind for path in (left, right)}
                return _exactly(ORDERS) if len(kinds) == 1 and kinds <= ORDERED else None
            case Same(left, right):
                alike = self._types.is_entity(left) == self._types.is_entity(right)
                return _exactly(YES_NO) if alike else None
            case Includes(members, member):
                element = attribute(members).type.element
                fits = element is not None and self._is_operand(member, element)
                return _exactly(YES_NO) if fits else None
            case RuleHolds():
                return None

    def _check_fact(self, path: Path, question: Question) -> None:
        """Check a path that a question is about; of any row only the existence is asked."""
        if isinstance(question, Exists) and self._finds_any(path):
            self._check_lookup(path)
        else:
            self._check_path(path)

    def _check_path(self, path: Path) -> None:
        """Check every step of a path, and what its look-ups are made with.

        Raises:
            LookupError: The schema does not declare one.
        """
        if path in self._paths:
            return
        if self._finds_any(path):
            raise LookupError(path)
        if isinstance(path, LookupPath):
            self._check_lookup(path)
        elif path not in ENTITIES:
            if isinstance(path, Member) and path.base not in RECORDS:
                self._check_path(path.base)
            self._types.attribute(path)
        self._paths.add(path)

    def _finds_any(self, path: Path) -> TypeGuard[LookupPath]:
        return isinstance(path, LookupPath) and self._types.lookup(path).finds_any

    def _check_lookup(self, path: LookupPath) -> None:
        self._check_path(path.base)
        arguments = self._types.argument_types(path)
        pairs = zip(path.operands, arguments, strict=False)
        if len(path.operands) != len(arguments) or not all(
            self._is_operand(operand, declared) for operand, declared in pairs
        ):
            raise LookupError(path)

    def _is_operand(self, operand: Operand, declared: ValueType) -> bool:
        if isinstance(operand, Literal):
            return declared.kind is Kind.REFERENCE or _is_readable(declared.kind, operand.text)
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
