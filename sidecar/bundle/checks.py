"""Checks of the diagrams in the file of a bundle, which may come from anywhere.

After them, nothing that an engine does with the diagrams can fail: every number names a node, every
diagram ends, every path leads to what the schema declares, and every literal can be read. They do
not tell whether the diagrams are those of a policy; that is the compiler's promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sidecar.bundle.diagram_scope import DiagramScope
from sidecar.bundle.errors import bundle_error
from sidecar.bundle.model import UNDECLARED_ACTION, DiagramRows, EntryRow, NodeRow
from sidecar.diagram.diagram import MAXIMUM_NODES
from sidecar.diagram.nodes import LEAF, LEAVES, Test
from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.paths import ACTION, depth, within
from sidecar.diagram.questions import NumberOf, RuleHolds, TextOf, facts_of
from sidecar.schema import Schema, Sentences
from sidecar.schema.messages import shown

MOST_TESTS = 100_000
DEEPEST_PATH = 120
"""Steps of a path; the compiler gives up on paths of 100 steps."""


def check_diagrams(rows: DiagramRows, schema: Schema, sentences: Sentences) -> None:
    """Check tests, nodes and entries.

    Raises:
        BundleError: Something is not as the compiler makes it.
    """
    nodes, tests = rows.nodes, rows.tests
    if len(nodes) > MAXIMUM_NODES or len(tests) > MOST_TESTS:
        raise bundle_error("nodes", f"more than {MAXIMUM_NODES}, or more than {MOST_TESTS} tests")
    for place, test in enumerate(tests):
        _check_test(f"tests[{place}]", test)
    below = [LEAF] * len(LEAVES)
    for row in nodes:
        below.append(_check_node(row, tests, below))
    pairs = [(subject, resource) for subject in schema.subjects() for resource in schema.types]
    _check_entries(rows.entries, rows.foreign, schema, pairs)
    of_action = _reading_action(nodes, tests)
    checked: dict[tuple[str, str], set[int]] = {pair: set() for pair in pairs}
    for key, entries in (("entries", rows.entries), ("foreign", rows.foreign)):
        for place, entry in enumerate(entries):
            subject, resource = schema.types[entry.subject], schema.types[entry.resource]
            action = resource.actions.get(entry.action)
            types = PathTypes(schema, subject, resource, action.properties if action else {})
            known = checked[entry.subject, entry.resource]
            scope = DiagramScope(types, nodes, tests, known - of_action)
            _check_entry(f"{key}[{place}]", entry, sentences, scope)
            known |= scope.checked


# --- numbers and shapes -------------------------------------------------------------------------


def _check_test(place: str, test: Test) -> None:
    """Check the depth of the paths of a test, and that its outcomes are those of its question."""
    if any(depth(path) > DEEPEST_PATH for path in facts_of(test.question)):
        raise bundle_error(place, f"holds a path of more than {DEEPEST_PATH} steps")
    match test.question:
        case TextOf():
            outcomes = "text"
        case NumberOf():
            outcomes = "number"
        case RuleHolds(name):
            raise bundle_error(
                place, f"tests the rule {shown(name)}, as only reviewers' diagrams do"
            )
        case _:
            outcomes = "finite"
    if test.outcomes != outcomes:
        raise bundle_error(place, f"its question has no outcomes {shown(test.outcomes)}")
    if (test.kind is not None) != (outcomes == "number"):
        raise bundle_error(place, "a kind is that of a number, and every number has one")


def _check_node(row: NodeRow, tests: Sequence[Test], below: Sequence[int]) -> int:
    """Check that a node leads on to nodes before it, which test what comes after; return its test.

    So every walk ends, after as many tests as there are at most.
    """
    place, labels = f"nodes[{row.number - len(LEAVES)}]", row.labels
    if not 0 <= row.test < len(tests):
        raise bundle_error(place, f"test {row.test} does not exist")
    for branch in row.branches:
        if not 0 <= branch < row.number:
            raise bundle_error(place, f"branch {branch} is no node before it")
        if below[branch] <= row.test:
            raise bundle_error(place, f"branch {branch} tests what is tested before it")
    outcomes = tests[row.test].outcomes
    if not labels or len(row.branches) != len(labels) + (outcomes != "finite"):
        raise bundle_error(place, "has not one branch for each outcome")
    if len(set(labels)) != len(labels):
        raise bundle_error(place, "has one label twice")
    shape = {"finite": bool | str, "text": str, "number": tuple}[outcomes]
    if not all(isinstance(label, shape) for label in labels):
        raise bundle_error(place, f"has labels that are not of outcomes {shown(outcomes)}")
    return row.test


def _reading_action(nodes: Sequence[NodeRow], tests: Sequence[Test]) -> set[int]:
    """Return the nodes below which a property of the action is tested.

    What such a property is depends on the action, and all else on the types alone.
    """
    reading = {
        place for place, test in enumerate(tests) if ACTION in within(*facts_of(test.question))
    }
    found: set[int] = set()
    for row in nodes:
        if row.test in reading or not found.isdisjoint(row.branches):
            found.add(row.number)
    return found


# --- entries ------------------------------------------------------------------------------------


def _check_entries(
    entries: Sequence[EntryRow],
    foreign: Sequence[EntryRow],
    schema: Schema,
    pairs: Iterable[tuple[str, str]],
) -> None:
    """Check that there is one entry for every action of every pair of types, and no other."""
    expected = {
        (subject, resource, action)
        for subject, resource in pairs
        for action in (*schema.types[resource].actions, UNDECLARED_ACTION)
    }
    keys = [(each.subject, each.resource, each.action) for each in (*entries, *foreign)]
    if len(set(keys)) != len(keys):
        raise bundle_error("entries", "there are two for one action")
    if set(keys[: len(entries)]) != expected:
        raise bundle_error("entries", "they are not those of the actions that the schema declares")
    subjects = frozenset(schema.subjects())
    if not all(each.subject in subjects and each.resource in schema.types for each in foreign):
        raise bundle_error("foreign", "there is one of a type that the schema does not declare")


def _check_entry(place: str, entry: EntryRow, sentences: Sentences, scope: DiagramScope) -> None:
    for code in entry.forbids:
        if code not in sentences.reasons:
            raise bundle_error(place, f"reason {shown(code)} has no sentence")
    for code in entry.obliges:
        if code not in sentences.obligations:
            raise bundle_error(place, f"obligation {shown(code)} has no sentence")
    for root in (
        entry.granted,
        *entry.forbids.values(),
        *entry.obliges.values(),
        entry.allowed,
    ):
        if root is not None:
            scope.check(place, root)
