"""Checks of the diagrams in the file of a bundle, which may come from anywhere.

After them, nothing that an engine does with the diagrams can fail: every number names a node, every
diagram ends, every path leads to what the schema declares, and every literal can be read. They do
not tell whether the diagrams are those of a policy; that is the compiler's promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sidecar.bundle.diagram_scope import ENTITIES, RECORDS, DiagramScope
from sidecar.bundle.errors import bundle_error
from sidecar.bundle.model import UNDECLARED_ACTION
from sidecar.diagram.diagram import MAXIMUM_NODES
from sidecar.diagram.nodes import LEAF, LEAVES
from sidecar.diagram.path_types import PathTypes
from sidecar.schema import Schema, Sentences
from sidecar.schema.messages import shown

MOST_TESTS = 100_000
DEEPEST_PATH = 120
"""Lists in lists of a question; the compiler gives up on paths of 100 steps."""


def check_diagrams(plain: Mapping[str, Any], schema: Schema, sentences: Sentences) -> None:
    """Check tests, nodes and entries, as `sidecar.bundle.model.diagrams_of` takes them.

    Raises:
        BundleError: Something is not as the compiler makes it.
    """
    nodes, tests = plain["nodes"], plain["tests"]
    if len(nodes) > MAXIMUM_NODES or len(tests) > MOST_TESTS:
        raise bundle_error("nodes", f"more than {MAXIMUM_NODES}, or more than {MOST_TESTS} tests")
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
            scope = DiagramScope(types, nodes, tests, checked[row[:2]] - of_action)
            _check_row(f"{key}[{place}]", row, sentences, scope)
            checked[row[:2]] |= scope.checked


# --- numbers and shapes -------------------------------------------------------------------------


def _check_test(place: str, question: Sequence[Any], outcomes: str, kind: str | None) -> None:
    """Check the shape of a test: what it is about is checked where it is used."""
    parts = _SHAPES.get(question[0]) if question and isinstance(question[0], str) else None
    if parts is None or len(question) != 1 + len(parts):
        raise bundle_error(place, "is no question")
    for part, shape in zip(question[1:], parts, strict=True):
        if not _is_path(part, DEEPEST_PATH, literal=shape == "operand"):
            raise bundle_error(place, "holds no path")
    # A test of texts or numbers is called as its outcomes are; all others have a few outcomes.
    if outcomes != (question[0] if question[0] in {"text", "number"} else "finite"):
        raise bundle_error(place, f"{shown(question[0])} has no outcomes {shown(outcomes)}")
    if (kind is not None) != (outcomes == "number"):
        raise bundle_error(place, "a kind is that of a number, and every number has one")


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
            return (root,) in ENTITIES | RECORDS
        case _:
            return False


def _check_node(row: Sequence[Any], tests: Sequence[Any], below: Sequence[int]) -> int:
    """Check that a node leads on to nodes before it, which test what comes after; return its test.

    So every walk ends, after as many tests as there are at most.
    """
    number, test, labels, branches = row
    place = f"nodes[{number - len(LEAVES)}]"
    if not 0 <= test < len(tests):
        raise bundle_error(place, f"test {test} does not exist")
    for branch in branches:
        if not 0 <= branch < number:
            raise bundle_error(place, f"branch {branch} is no node before it")
        if below[branch] <= test:
            raise bundle_error(place, f"branch {branch} tests what is tested before it")
    outcomes = tests[test][1]
    if not labels or len(branches) != len(labels) + (outcomes != "finite"):
        raise bundle_error(place, "has not one branch for each outcome")
    if len(set(labels)) != len(labels):
        raise bundle_error(place, "has one label twice")
    shape = {"finite": bool | str, "text": str, "number": tuple}[outcomes]
    if not all(isinstance(label, shape) for label in labels):
        raise bundle_error(place, f"has labels that are not of outcomes {shown(outcomes)}")
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
        raise bundle_error("entries", "there are two for one action")
    if {tuple(row[:3]) for row in entries} != expected:
        raise bundle_error("entries", "they are not those of the actions that the schema declares")
    subjects = frozenset(schema.subjects())
    if not all(row[0] in subjects and row[1] in schema.types for row in foreign):
        raise bundle_error("foreign", "there is one of a type that the schema does not declare")


def _check_row(place: str, row: Sequence[Any], sentences: Sentences, scope: DiagramScope) -> None:
    _, _, _, granted, forbids, obliges, allowed = row
    for code in forbids:
        if code not in sentences.reasons:
            raise bundle_error(place, f"reason {shown(code)} has no sentence")
    for code in obliges:
        if code not in sentences.obligations:
            raise bundle_error(place, f"obligation {shown(code)} has no sentence")
    for root in (granted, *forbids.values(), *obliges.values(), allowed):
        if root is not None:
            scope.check(place, root)
