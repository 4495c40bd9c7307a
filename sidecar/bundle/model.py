"""A compiled pack in memory: schema, settings, sentences and decision diagrams; no Oso."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec import Struct, structs

from sidecar.diagram.nodes import LEAVES, Node, Test
from sidecar.diagram.paths import Operand
from sidecar.errors import Problem
from sidecar.routes import Routes
from sidecar.schema import Schema, Sentences, Value

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
    column: int
    number: int
    """Of a clause; -1 for a rule."""
    operands: tuple[Operand, ...]
    subject: str
    resource: str
    action: str | None
    """None where the diagram is the same for every action."""
    root: Node | None
    """None where it could not be compiled."""
    body: Node | None
    """Of a clause the same with the rules that it calls as tests (`RuleHolds`); None of a rule, and
    where it is too large."""


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
    routes: Routes | None = None
    """Of gateways; None where no gateway is served."""
    revision: str
    """Hash of the texts of the whole pack, 16 hexadecimal digits."""
    digest: str = ""
    """SHA-256 of the document of the file that it was read from, in hexadecimal digits; empty for a
    pack."""
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


PlainLabel: TypeAlias = bool | str | tuple[str, bool]
"""A label of a node (`sidecar.diagram.nodes.Label`)."""


class NodeRow(Struct, array_like=True, forbid_unknown_fields=True):
    """A node as plain data."""

    number: int
    test: int
    labels: tuple[PlainLabel, ...]
    branches: tuple[int, ...]
    """Numbers of nodes that come before it."""


class EntryRow(Struct, array_like=True, forbid_unknown_fields=True):
    """An entry as plain data; a root is the number of a node, or None where it was not compiled."""

    subject: str
    resource: str
    action: str
    granted: int | None
    forbids: dict[str, int | None]
    obliges: dict[str, int | None]
    allowed: int | None


class RuleRow(Struct, array_like=True, forbid_unknown_fields=True):
    """A `RuleDiagram` as plain data."""

    rule: str
    file: str
    line: int
    column: int
    number: int
    operands: tuple[Operand, ...]
    subject: str
    resource: str
    action: str | None
    root: int | None
    body: int | None


class DiagramRows(Struct):
    """The diagrams of a pack as plain data, such as `sidecar.compiler.compile` returns."""

    notices: list[tuple[str, int, str]]
    tests: list[Test]
    nodes: list[NodeRow]
    entries: list[EntryRow]
    foreign: list[EntryRow] = []
    uncompiled: list[tuple[str, int, str, str, str, str, str]] = []
    explored: list[RuleRow] = []
    gone_through: list[str] = []
    probes: list[tuple[str, str, str, str, int | None]] = []
    """Name, subject type, resource type, action and root."""


def diagrams_of(rows: DiagramRows, nodes: Mapping[int, Node]) -> dict[str, Any]:
    """Return the members of a bundle that plain data holds.

    Args:
        rows: The plain data.
        nodes: Its nodes, by their numbers.
    """
    return {
        "notices": tuple(Problem(*notice) for notice in rows.notices),
        "uncompiled": tuple(Uncompiled(*row) for row in rows.uncompiled),
        "entries": entries_of(rows.entries, nodes),
        "foreign": entries_of(rows.foreign, nodes),
        "tests": tuple(rows.tests),
        "explored": tuple(
            RuleDiagram(
                **{
                    **structs.asdict(row),
                    "root": _root(row.root, nodes),
                    "body": _root(row.body, nodes),
                }
            )
            for row in rows.explored
        ),
        "gone_through": frozenset(rows.gone_through),
        "probes": {tuple(key): _root(root, nodes) for *key, root in rows.probes},
    }


def entries_of(
    rows: Iterable[EntryRow], nodes: Mapping[int, Node]
) -> dict[tuple[str, str, str], Entry]:
    """Return entries from plain data.

    Args:
        rows: The plain data.
        nodes: The nodes, by their numbers.
    """

    def by_code(roots: Mapping[str, int | None]) -> dict[str, Node | None]:
        return {code: _root(root, nodes) for code, root in roots.items()}

    return {
        (row.subject, row.resource, row.action): Entry(
            _root(row.granted, nodes),
            by_code(row.forbids),
            by_code(row.obliges),
            _root(row.allowed, nodes),
        )
        for row in rows
    }


def nodes_of(rows: Iterable[NodeRow], known: Mapping[int, Node]) -> dict[int, Node]:
    """Return nodes by their numbers, those that are known and the leaves among them.

    Args:
        rows: Nodes as plain data, branches before the nodes that lead to them.
        known: Nodes that were made already.
    """
    nodes = {leaf.number: leaf for leaf in LEAVES}
    nodes.update(known)
    for row in rows:
        branches = tuple(nodes[branch] for branch in row.branches)
        nodes[row.number] = Node(row.test, row.labels, branches, row.number)
    return nodes


def _root(number: int | None, nodes: Mapping[int, Node]) -> Node | None:
    return None if number is None else nodes[number]
