"""A proof as it comes from the child process (`sidecar.compiler.oso_proof`), and how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from sidecar.diagram.paths import Operand, Path, Term
from sidecar.diagram.questions import Exists, Includes, RuleHolds


class Absent(Term, frozen=True, tag="absent"):
    """An operand of a comparison that is absent."""

    path: Path | None
    """None where it was not read of any path."""


class TruthOf(Term, frozen=True, tag="truth"):
    """An operand of a comparison that is yes or no: what a question is answered with."""

    question: Exists | Includes | bool
    of: Path | None = None
    """Where a value was asked whether it exists: its path."""


Side: TypeAlias = Operand | Absent | TruthOf


class Compare(Term, frozen=True, tag="compare"):
    """Yes or no: does a comparison hold?"""

    operator: str
    """As Polar's syntax tree calls it: ``Eq``, ``Leq``."""
    left: Side
    right: Side


class NoValue(Term, frozen=True, tag="there"):
    """Never: what was read is absent."""

    path: Path


Key: TypeAlias = Compare | NoValue | RuleHolds
"""What a clause looked at; a call is `RuleHolds`."""
Called = tuple[str, tuple[Operand, ...]]
"""A rule's name with the number of its parameters, ``plan_holds__1``, and its operands."""


def called_by(key: Key) -> Called | None:
    """Return the rule that was called, if this is a call."""
    return (key.name, key.operands) if isinstance(key, RuleHolds) else None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a clause looked at."""

    key: Key
    holds: bool
    decides: bool
    """Whether the clause's answer rests on it: it holds up the proof; or, of a clause that does
    not hold, this is where it failed, and it would have gone on otherwise."""

    @property
    def called(self) -> Called | None:
        """The rule that was called, if this is a call."""
        return called_by(self.key)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a clause stands."""

    rule: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ClauseProof:
    """One clause, and how it came to its answer."""

    place: Place
    number: int
    holds: bool | None
    """None where it fails."""
    fault: str
    steps: tuple[Step, ...]
    through: tuple[Place, ...]
    """Clauses that its proof goes through directly, since something was not known yet."""


@dataclass(frozen=True, slots=True)
class RuleProof:
    """All clauses that may hold for the operands."""

    called: Called
    holds: bool | None
    clauses: tuple[ClauseProof, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one question, or of its opposite: all rules that were asked."""

    holds: bool | None
    first: RuleProof
    rules: Mapping[Called, RuleProof]

    def granting(self) -> Iterator[ClauseProof]:
        """Yield the clauses of the question itself that hold."""
        return (clause for clause in self.first.clauses if clause.holds)


def read_proof(plain: Mapping[str, Any]) -> Proof:
    """Read what `sidecar.compiler.oso_proof.prove` hands out."""
    rules = [
        RuleProof(
            (name, msgspec.convert(operands, tuple[Operand, ...])),
            holds,
            tuple(map(_clause, clauses)),
        )
        for name, operands, holds, clauses in plain["rules"]
    ]
    return Proof(plain["holds"], rules[0], {rule.called: rule for rule in rules})


def _clause(plain: Mapping[str, Any]) -> ClauseProof:
    return ClauseProof(
        Place(plain["rule"], plain["file"], plain["line"]),
        plain["number"],
        plain["holds"],
        plain["fault"],
        tuple(
            Step(msgspec.convert(key, Key), holds, decides)
            for key, holds, decides in plain["steps"]
        ),
        tuple(Place(*place) for place in plain["through"]),
    )
