"""Checks of the diagrams in the file of a bundle, which may come from anywhere.

After them, nothing that an engine does with the diagrams can fail: every number names a node, every
diagram ends, every path leads to what the schema declares, and every literal can be read. They do
not tell whether the diagrams are those of a policy; that is the compiler's promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

from sidecar.bundle.model import UNDECLARED_ACTION
from sidecar.diagram.diagram import MAXIMUM_NODES
from sidecar.diagram.nodes import LEAF, LEAVES
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
from sidecar.schema import Attribute, Kind, Schema, Sentences, ValueType
from sidecar.schema.messages import shown
from sidecar.schema.model import ORDERED, TEXTS

MOST_TESTS = 100_000
DEEPEST_PATH = 120
"""Lists in lists of a question; the compiler gives up on paths of 100 steps."""
MOST_DIGITS = 80
"""Of a number in a label: more than a decimal of a policy has."""

_ENTITIES = frozenset({SUBJECT, RESOURCE})
_RECORDS = frozenset({ACTION, CONTEXT, SETTINGS})


class BundleError(Exception):
    """The file is no bundle that can be used; the message names the place and the mend."""


def check_diagrams(plain: Mapping[str, Any], schema: Schema, sentences: Sentences) -> None:
    """Check tests, nodes and entries, as `sidecar.bundle.model.diagrams_of` takes them.

    Raises:
        BundleError: Something is not as the compiler makes it.
    """
    nodes, tests = plain["nodes"], plain["tests"]
    if len(nodes) > MAXIMUM_NODES or len(tests) > MOST_TESTS:
        raise _fault("nodes", f"more than {MAXIMUM_NODES}, or more than {MOST_TESTS} tests")
    for place, (question, outcomes, kind) in enumerate(tests):
        _check_test(f"tests[{place}]", question, outcomes, kind)
    below = [LEAF] * len(LEAVES)
    for row in nodes:
        below.append(_check_node(row, tests, below))
    pairs = [(subject, resource) for subject in schema.subjects() for resource in schema.types]
    _check_entries(plain["entries"], plain["foreign"], schema, pairs)
    of_action = _speaking_of_action(nodes, tests)
    checked: dict[tuple[str, str], set[int]] = {pair: set() for pair in pairs}
    for key in ("entries", "foreign"):
        for place, row in enumerate(plain[key]):
            subject, resource = (schema.types[name] for name in row[:2])
            action = resource.actions.get(row[2])
            types = PathTypes(schema, subject, resource, action.properties if action else {})
            scope = _Scope(types, nodes, tests, checked[row[:2]] - of_action)
            _check_row(f"{key}[{place}]", row, sentences, scope)
            checked[row[:2]] |= scope.checked


def _fault(place: str, what: str) -> BundleError:
    return BundleError(f"{place}: {what}; build it again, or copy it again")


# --- numbers and shapes -------------------------------------------------------------------------


def _check_test(place: str, question: Sequence[Any], outcomes: str, kind: str | None) -> None:
    """Check the shape of a test: what it is about is checked where it is used."""
    parts = _SHAPES.get(question[0]) if question and isinstance(question[0], str) else None
    if parts is None or len(question) != 1 + len(parts):
        raise _fault(place, "is no question")
    for part, shape in zip(question[1:], parts, strict=True):
        if not _is_path(part, DEEPEST_PATH, literal=shape == "operand"):
            raise _fault(place, "holds no path")
    # A test of texts or numbers is called as its outcomes are; all others have a few outcomes.
    if outcomes != (question[0] if question[0] in {"text", "number"} else "finite"):
        raise _fault(place, f"{shown(question[0])} has no outcomes {shown(outcomes)}")
    if (kind is not None) != (outcomes == "number"):
        raise _fault(place, "a kind is that of a number, and every number has one")


_SHAPES: Mapping[str, tuple[str, ...]] = {
    "exists": ("path",),
    "present": ("path",),
    "value": ("path",),
    "text": ("path",),
    "number": ("path",),
    "order": ("path", "path"),
    "same": ("path", "path"),
    "includes": ("path", "operand"),
}
"""Question to the shapes of its parts."""


def _is_path(part: object, depth: int, *, literal: bool) -> bool:
    """Return whether plain data is a path, or a literal where one may stand."""
    if not isinstance(part, list) or not part or depth == 0:
        return False
    match part:
        case ["literal", str()]:
            return literal
        case ["member", base, str()]:
            return _is_path(base, depth - 1, literal=False)
        case ["lookup", base, str(), list() as operands]:
            return _is_path(base, depth - 1, literal=False) and all(
                _is_path(operand, depth - 1, literal=True) for operand in operands
            )
        case [str() as root]:
            return (root,) in _ENTITIES | _RECORDS
        case _:
            return False


def _check_node(row: Sequence[Any], tests: Sequence[Any], below: Sequence[int]) -> int:
    """Check that a node leads on to nodes before it, which test what comes after; return its test.

    So every walk ends, after as many tests as there are at most.
    """
    number, test, labels, branches = row
    place = f"nodes[{number - len(LEAVES)}]"
    if not 0 <= test < len(tests):
        raise _fault(place, f"test {test} does not exist")
    for branch in branches:
        if not 0 <= branch < number:
            raise _fault(place, f"branch {branch} is no node before it")
        if below[branch] <= test:
            raise _fault(place, f"branch {branch} tests what is tested before it")
    outcomes = tests[test][1]
    if not labels or len(branches) != len(labels) + (outcomes != "finite"):
        raise _fault(place, "has not one branch for each outcome")
    if len(set(labels)) != len(labels):
        raise _fault(place, "has one label twice")
    shape = {"finite": bool | str, "text": str, "number": tuple}[outcomes]
    if not all(isinstance(label, shape) for label in labels):
        raise _fault(place, f"has labels that are not of outcomes {shown(outcomes)}")
    return int(test)


def _speaking_of_action(nodes: Sequence[Any], tests: Sequence[Any]) -> set[int]:
    """Return the nodes below which a property of the action is tested.

    What such a property is depends on the action, and all else on the types alone.
    """
    speaking = {
        place for place, (question, _, _) in enumerate(tests) if _mentions(question, "action")
    }
    found: set[int] = set()
    for number, test, _, branches in nodes:
        if test in speaking or not found.isdisjoint(branches):
            found.add(number)
    return found


def _mentions(part: Sequence[Any], root: str) -> bool:
    """Return whether a question or a path begins somewhere at this root."""
    return list(part) == [root] or any(
        isinstance(each, list) and _mentions(each, root) for each in part
    )


# --- entries ------------------------------------------------------------------------------------


def _check_entries(
    entries: Sequence[Any], foreign: Sequence[Any], schema: Schema, pairs: Iterable[tuple[str, str]]
) -> None:
    """Check that there is one entry for every action of every pair of types, and no other."""
    expected = {
        (subject, resource, action)
        for subject, resource in pairs
        for action in (*schema.types[resource].actions, UNDECLARED_ACTION)
    }
    keys = [tuple(row[:3]) for row in (*entries, *foreign)]
    if len(set(keys)) != len(keys):
        raise _fault("entries", "there are two for one action")
    if {tuple(row[:3]) for row in entries} != expected:
        raise _fault("entries", "they are not those of the actions that the schema declares")
    subjects = frozenset(schema.subjects())
    if not all(row[0] in subjects and row[1] in schema.types for row in foreign):
        raise _fault("foreign", "there is one of a type that the schema does not declare")


def _check_row(place: str, row: Sequence[Any], sentences: Sentences, scope: _Scope) -> None:
    _, _, _, granted, forbids, obliges, allowed = row
    for code in forbids:
        if code not in sentences.reasons:
            raise _fault(place, f"reason {shown(code)} has no sentence")
    for code in obliges:
        if code not in sentences.obligations:
            raise _fault(place, f"obligation {shown(code)} has no sentence")
    for root in (granted, *forbids.values(), *obliges.values(), allowed):
        if root is not None:
            scope.check(place, root)


# --- what is tested -----------------------------------------------------------------------------


class _Scope:
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
            raise _fault(place, f"node {root} does not exist")
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
                raise _fault(where, f"has labels that are no outcomes of test {test}")
            waiting += branches

    def _outcomes_of(self, test: int) -> _Outcomes:
        """Return what tells whether labels are outcomes of a test that these types can have."""
        question, _, kind = self._tests[test]
        try:
            outcomes = self._possible(from_json(question), kind)
        except LookupError:
            outcomes = None
        if outcomes is None:
            raise _fault(f"tests[{test}]", "is about what the schema does not declare so")
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
        if path in _ENTITIES or path in self._paths:
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
            if path[1] not in _RECORDS:
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
