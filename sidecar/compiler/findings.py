"""Query trees of one text of a policy, kept for compiling another text of it.

A query tree depends on the words of its clause, on the clauses of the rules through which Oso went
itself, and on what every clause can look at: the schema, the settings, and which types have blocks
(the `context`). What an edit cannot have changed is therefore taken over, and not asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from sidecar.compiler.program import Clause, Program
from sidecar.compiler.query_trees import Asked, QueryTree, QueryTrees
from sidecar.diagram.paths import Operand
from sidecar.digests import digest_of

_Key = tuple[str, tuple[Operand, ...], str, str]
"""A clause by the digest of its words, the operands, and the types of subject and resource."""


class Identities:
    """Digests of the clauses and rules of one program: equal ones mean equal words."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._clauses: dict[int, str] = {}
        self._rules: dict[str, str] = {}

    def clause(self, clause: Clause) -> str:
        """Return the digest of one clause, wherever it stands."""
        if clause.number not in self._clauses:
            words = msgspec.json.encode((clause.rule, clause.written))
            self._clauses[clause.number] = sha256(words).hexdigest()
        return self._clauses[clause.number]

    def rule(self, name: str) -> str:
        """Return the digest of all clauses of a rule, in their order."""
        if name not in self._rules:
            every = (
                (arity, list(map(self.clause, clauses)))
                for (rule, arity), clauses in self._program.clauses.items()
                if rule == name
            )
            self._rules[name] = digest_of(*every).bytes().hex()
        return self._rules[name]


@dataclass(frozen=True, slots=True)
class Found:
    """A query tree, and the rules that it depends on."""

    tree: QueryTree
    through: dict[str, str]
    """Rules through which Oso went, to the digests of their clauses."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The query trees of one text, none of which has a fault."""

    context: str
    """Digest of what every clause can look at."""
    trees: Mapping[_Key, list[Found]] = field(default_factory=dict)

    def for_program(self, program: Program, context: str) -> Reused | None:
        """Return what holds for another text; None where every clause may differ."""
        return Reused(self, Identities(program)) if context == self.context else None

    def dump(self) -> bytes:
        """Write the findings as JSON."""
        rows = [
            _Row(*key, found.tree, found.through)
            for key, every in self.trees.items()
            for found in every
        ]
        return msgspec.json.encode((self.context, rows))


class _Row(msgspec.Struct, array_like=True):
    """A query tree, as it is written."""

    clause: str
    operands: tuple[Operand, ...]
    subject: str
    resource: str
    tree: QueryTree
    through: dict[str, str]


def load_findings(text: bytes) -> Findings:
    """Read what `Findings.dump` wrote.

    Raises:
        ValueError: It is something else.
    """
    context, rows = msgspec.json.decode(text, type=tuple[str, list[_Row]])
    trees: dict[_Key, list[Found]] = {}
    for row in rows:
        key = (row.clause, row.operands, row.subject, row.resource)
        trees.setdefault(key, []).append(Found(row.tree, row.through))
    return Findings(context, trees)


def findings_of(asking: QueryTrees, program: Program, context: str) -> Findings:
    """Return the query trees of a policy without faults."""
    identities = Identities(program)
    clauses = {each.number: each for every in program.clauses.values() for each in every}
    return Findings(
        context,
        {
            (identities.clause(clauses[number]), operands, subject, resource): [
                Found(tree, {rule: identities.rule(rule) for rule in sorted(tree.through)})
                for tree in trees
            ]
            for (number, operands, subject, resource), trees in asking.known.items()
        },
    )


@dataclass(frozen=True, slots=True)
class Reused:
    """Findings as the earlier trees of another program (`query_trees.Earlier`)."""

    findings: Findings
    identities: Identities

    def tree(self, clause: Clause, operands: tuple[Operand, ...], asked: Asked) -> QueryTree | None:
        """Return the tree of a clause; None where it may differ."""
        key = (self.identities.clause(clause), operands, asked.subject, asked.resource)
        for found in self.findings.trees.get(key, ()):
            if all(self.identities.rule(name) == same for name, same in found.through.items()):
                tree = found.tree.for_action(asked.action[0])
                if tree is not None:
                    return tree
        return None
