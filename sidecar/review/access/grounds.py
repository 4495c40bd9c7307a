"""On what an allow rests: the clauses that give it, their roles, and the rows that they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sidecar.bundle import RuleDiagram
from sidecar.diagram.path_types import PathTypes
from sidecar.diagram.paths import ACTION, RESOURCE, SUBJECT, LookupPath, Member, Operand, Path
from sidecar.diagram.paths import within as parts_within
from sidecar.diagram.questions import Exists, Tested, facts_of
from sidecar.engine.policy import Policy
from sidecar.review.access.rule_calls import RuleCalls, matches, text_of_literal
from sidecar.schema import EntityType

_ENTRY = (SUBJECT, ACTION, RESOURCE)
ROLE = "has_role"
"""The rule by which somebody has a role."""
_PERMISSION = "has_permission"
Called = tuple[str, tuple[Operand, ...]]
"""A rule with the operands that it is called with."""


@dataclass(frozen=True, slots=True, order=True)
class GivenBy:
    """A clause on which an allow rests."""

    file: str
    line: int
    rule: str
    name: str
    """The role or the permission that it is about; empty for a clause that names none."""
    is_certain: bool = True
    """Whether it holds whatever the caller sends."""

    @property
    def role(self) -> str | None:
        """The role that somebody has by it, whatever the caller sends."""
        return self.name if self.rule == ROLE and self.is_certain else None

    def __str__(self) -> str:
        kind = {ROLE: "role", _PERMISSION: "permission"}.get(self.rule, "rule")
        return f"{self.file}:{self.line} ({kind} `{self.name or self.rule}`)"


@dataclass(frozen=True, slots=True)
class Grounds:
    """The clauses by which an action is granted in a state."""

    giving: tuple[RuleDiagram, ...]
    """Those that rest on facts and on no further rule about the subject."""
    through: tuple[RuleDiagram, ...]
    """Those that lead from the action to them, such as the line of a permission."""


class GroundsFinder:
    """Finds the grounds of allows between two types."""

    def __init__(self, policy: Policy, scope: tuple[str, str], calls: RuleCalls) -> None:
        """Prepare to find.

        Args:
            policy: Loaded with the diagrams of its single rules.
            scope: The types of subject and resource.
            calls: What its clauses call.
        """
        self._tests, self._calls = policy.tests, calls
        types = policy.schema.types
        self._types = PathTypes(policy.schema, types[scope[0]], types[scope[1]])
        self._clauses: dict[str, dict[tuple[Operand, ...], list[RuleDiagram]]]
        self._clauses = defaultdict(lambda: defaultdict(list))
        for each in policy.explored:
            if each.file and (each.subject, each.resource) == scope:
                self._clauses[each.rule][each.operands].append(each)
        self._called: dict[tuple[int, str, tuple[Operand, ...]], tuple[Called, ...]] = {}

    def grounds(self, action: str, holds: Callable[[RuleDiagram], bool]) -> Grounds:
        """Return the clauses by which an action is granted.

        Args:
            action: The action.
            holds: Tells whether a clause holds, or may, by what the caller sends.
        """
        giving: dict[RuleDiagram, None] = {}
        through: dict[RuleDiagram, None] = {}
        seen: set[Called] = set()
        waiting: list[Called] = [("allow", _ENTRY)]
        while waiting:
            rule, operands = called = waiting.pop()
            if called in seen:
                continue
            seen.add(called)
            for clause in self._clauses[rule].get(operands, ()):
                if clause.action not in {None, action} or not holds(clause):
                    continue
                below = self._called_by(clause, action)
                if below:
                    through[clause] = None
                    waiting += below
                else:
                    giving[clause] = None
        return Grounds(*(tuple(sorted(each, key=_place)) for each in (giving, through)))

    def _called_by(self, clause: RuleDiagram, action: str) -> tuple[Called, ...]:
        """Return the rules about the subject that a clause calls, and that were explored."""
        key = (clause.number, action, clause.operands)
        if key not in self._called:
            self._called[key] = tuple(
                dict.fromkeys(
                    (name, operands)
                    for name, pattern in self._calls.of_clause(clause, action)
                    for operands in self._clauses.get(name, ())
                    if matches(pattern, operands) and SUBJECT in parts_within(*operands)
                )
            )
        return self._called[key]

    def type_of(self, operand: Operand) -> EntityType | None:
        """Return the type of the entity that an operand is; None of anything else."""
        return self._types.entity_at(operand)

    def rows(self, question: Tested) -> Iterator[Path]:
        """Yield the entities of whose rows a test reads, besides whether its subject exists."""
        if isinstance(question, Exists):
            if question.path not in {SUBJECT, RESOURCE}:
                yield question.path
            return
        for path in facts_of(question):
            for part in parts_within(path):
                if isinstance(part, Member) and self._holds_row(part):
                    yield part.base
                elif isinstance(part, LookupPath):
                    yield part

    def _holds_row(self, path: Member) -> bool:
        """Tell whether a value stands in a row, and is not a part of its key."""
        try:
            base = path.base
            return self._types.is_entity(base) and path.name not in self._types.type_of(base).key
        except LookupError:  # of the settings, the context and the action
            return False


def given_by(
    clauses: Sequence[RuleDiagram], is_certain: Callable[[RuleDiagram], bool]
) -> tuple[GivenBy, ...]:
    """Return clauses as a reader is told of them, each once.

    Args:
        clauses: They hold, or may.
        is_certain: Tells whether one holds whatever the caller sends.
    """
    found: dict[tuple[str, int, str, str], bool] = {}
    for each in clauses:
        key = (each.file, each.line, each.rule, _name(each))
        found[key] = found.get(key, False) or is_certain(each)
    return tuple(sorted(GivenBy(*key, certain) for key, certain in found.items()))


def _name(clause: RuleDiagram) -> str:
    named = clause.rule in {ROLE, _PERMISSION} and len(clause.operands) == len(_ENTRY)
    return (text_of_literal(clause.operands[1]) or "") if named else ""


def _place(clause: RuleDiagram) -> tuple[str, int, int]:
    return clause.file, clause.line, clause.column
