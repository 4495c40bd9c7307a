"""A compiled pack in memory: schema, settings, sentences and decision diagrams; no Oso."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidecar.diagram.nodes import LEAVES, Node, Test
from sidecar.diagram.questions import Path, from_json
from sidecar.errors import Problem
from sidecar.schema import Schema, Sentences, Value
from sidecar.schema.model import Kind

UNDECLARED_ACTION = " undeclared"
"""The name that stands for every action that the schema does not declare; none that is declared
begins with a blank."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The diagrams of one subject type, resource type and action. None: it was not compiled."""

    granted: Node | None
    forbids: Mapping[str, Node | None]
    """Reason to the diagram that tells whether it holds; without those that never hold."""
    obliges: Mapping[str, Node | None]
    allowed: Node | None
    """Granted and not forbidden, as one diagram; None where the rules are evaluated one by one,
    because one of them can fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDiagram:
    """One rule, or one clause of a rule, with the diagram that tells where it holds."""

    rule: str
    """Its name in the policy."""
    file: str
    """Of a clause where it stands; empty for all clauses of a rule together."""
    line: int
    number: int
    """Of a clause; -1 for a rule."""
    operands: tuple[Path, ...]
    subject: str
    resource: str
    action: str | None
    """None where the diagram is the same for every action."""
    root: Node | None
    """None where it could not be compiled."""


@dataclass(frozen=True, slots=True, order=True)
class Uncompiled:
    """A clause that could not be compiled for one kind of request."""

    file: str
    line: int
    rule: str
    subject: str
    resource: str
    action: str
    cause: str

    def row(self) -> tuple[str, int, str, str, str, str, str]:
        """Return its plain data."""
        place = (self.file, self.line, self.rule)
        return (*place, self.subject, self.resource, self.action, self.cause)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bundle:
    """A compiled pack. Nothing in it changes."""

    schema: Schema
    settings: Mapping[str, Value]
    sentences: Sentences
    revision: str
    """Hash of the texts of the whole pack, 16 hexadecimal digits."""
    notices: tuple[Problem, ...] = ()
    """What could not be compiled, with its place and the cause, and grants that never hold."""
    uncompiled: tuple[Uncompiled, ...] = ()
    unused: tuple[Problem, ...] = ()
    """Sentences that no rule leads to: perhaps the rule was lost."""
    files: tuple[str, ...]
    """Names of the policy files."""
    entries: Mapping[tuple[str, str, str], Entry]
    """By subject type, resource type and action."""
    tests: tuple[Test, ...]
    foreign: Mapping[tuple[str, str, str], Entry] = field(default_factory=dict)
    """The same for actions that the resource's type does not declare and a rule names."""
    explored: tuple[RuleDiagram, ...] = ()
    """The diagrams of single rules and clauses; only where the pack was compiled for review."""
    gone_through: frozenset[str] = frozenset()
    """Rules that were explored within others only, where an argument was not known yet."""
    probes: Mapping[tuple[str, str, str, str], Node | None] = field(default_factory=dict)
    """Rules of a reviewer, by name, subject type, resource type and action."""

    def entry(self, subject: str, resource: str, action: str) -> Entry:
        """Return the diagrams of an action; those of an undeclared one where it has none."""
        key = (subject, resource, action)
        found = self.entries.get(key) or self.foreign.get(key)
        return found or self.entries[subject, resource, UNDECLARED_ACTION]


def diagrams_of(compiled: Mapping[str, Any], nodes: Mapping[int, Node]) -> dict[str, Any]:
    """Return the members of a bundle that the compiler's plain data holds.

    Args:
        compiled: What `sidecar.compiler.compile.compile_pack` returns.
        nodes: Its nodes, by their numbers.
    """
    return {
        "notices": tuple(Problem(*notice) for notice in compiled["notices"]),
        "uncompiled": tuple(Uncompiled(*row) for row in compiled["uncompiled"]),
        "entries": entries_of(compiled["entries"], nodes),
        "foreign": entries_of(compiled["foreign"], nodes),
        "tests": tests_of(compiled["tests"]),
        "explored": tuple(
            RuleDiagram(
                rule=rule,
                file=file,
                line=line,
                number=number,
                operands=from_json(operands),
                subject=subject,
                resource=resource,
                action=action,
                root=_root(root, nodes),
            )
            for rule, file, line, number, operands, subject, resource, action, root in compiled[
                "explored"
            ]
        ),
        "gone_through": frozenset(compiled["gone_through"]),
        "probes": {
            (name, subject, resource, action): _root(root, nodes)
            for name, subject, resource, action, root in compiled["probes"]
        },
    }


def entries_of(
    rows: Iterable[Sequence[Any]], nodes: Mapping[int, Node]
) -> dict[tuple[str, str, str], Entry]:
    """Return entries from their plain rows.

    Args:
        rows: Subject type, resource type, action, then the root of the grant, the roots of the
            prohibitions and of the obligations by their codes, and that of granted and not
            forbidden; a root is a number, or None where it was not compiled.
        nodes: The nodes, by their numbers.
    """

    def by_code(roots: Mapping[str, int | None]) -> dict[str, Node | None]:
        return {code: _root(root, nodes) for code, root in roots.items()}

    return {
        (subject, resource, action): Entry(
            _root(granted, nodes), by_code(forbids), by_code(obliges), _root(allowed, nodes)
        )
        for subject, resource, action, granted, forbids, obliges, allowed in rows
    }


def tests_of(rows: Iterable[Sequence[Any]]) -> tuple[Test, ...]:
    """Return tests from their plain rows: question, outcomes, and the kind of a number."""
    return tuple(
        Test(from_json(question), outcomes, kind and Kind(kind))
        for question, outcomes, kind in rows
    )


def nodes_of(rows: Iterable[Sequence[Any]], known: Mapping[int, Node]) -> dict[int, Node]:
    """Return nodes by their numbers, those that are known and the leaves among them.

    Args:
        rows: Number, test, labels and the numbers of the branches, which come before.
        known: Nodes that were made already.
    """
    nodes = {leaf.number: leaf for leaf in LEAVES}
    nodes.update(known)
    for number, test, labels, branches in rows:
        nodes[number] = Node(
            test, tuple(from_json(labels)), tuple(nodes[branch] for branch in branches), number
        )
    return nodes


def _root(number: int | None, nodes: Mapping[int, Node]) -> Node | None:
    return None if number is None else nodes[number]
