"""Clauses: what a condition says of one thing, in words and as data.

Roles, helper rules and reasons are called by their names; facts by their paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.diagram.path_text import show
from sidecar.diagram.paths import SUBJECT, Operand
from sidecar.diagram.questions import RuleHolds
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.conditions import Outcomes
from sidecar.review.named_rules import (
    NOW,
    OBLIGATION,
    ONLY_NEW,
    ONLY_OLD,
    REASON,
    ROLE,
    RULE,
    Name,
)
from sidecar.review.phrases import Wording, either, none_of
from sidecar.schema import Schema

FACT = "fact"
_ORDER = (ROLE, RULE, FACT, OBLIGATION, REASON)
HOLDS, HELD, NEWLY, NO_LONGER = "holds", "held", "newly", "no longer"
"""Of a name: holds now (or in the only pack), held before the edit, holds now and did not before,
held before and does not now."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that has to hold."""

    text: str
    kind: str
    """`FACT`, `ROLE`, `RULE`, `REASON` or `OBLIGATION`."""
    when: str
    """`HOLDS`, `HELD`, `NEWLY` or `NO_LONGER`; of a fact `HOLDS`."""
    holds: bool
    """False where the opposite of a name has to hold; of a fact true, as the text says it all."""
    names: tuple[Name, ...]
    """The rules that it is about; none of a fact."""

    def __str__(self) -> str:
        return self.text

    def plain(self) -> dict[str, object]:
        """Return the clause as JSON."""
        members: dict[str, object] = {"text": self.text, "kind": self.kind}
        if self.names:
            members["names"] = [name.rule for name in self.names]
            members["operands"] = [show(each) for each in self.names[0].operands]
            members |= {"holds": self.holds, "when": self.when}
        return members


def plain(alternatives: Sequence[Sequence[Clause]]) -> list[list[dict[str, object]]]:
    """Return conditions as JSON: one of these applies, and of it everything holds."""
    return [[clause.plain() for clause in clauses] for clauses in alternatives]


def texts_of(alternatives: Sequence[Sequence[Clause]]) -> tuple[tuple[str, ...], ...]:
    """Return conditions as texts."""
    return tuple(tuple(clause.text for clause in clauses) for clauses in alternatives)


class Clauses:
    """Writes the clauses of one pair of types."""

    def __init__(self, schema: Schema, scope: Scope, names: Mapping[RuleHolds, Name]) -> None:
        self._wording = Wording(schema, scope)
        self._names = names

    def of(self, answers: Sequence[Outcomes]) -> tuple[Clause, ...]:
        """Return the clauses of answers that hold together."""
        found = [*self._facts(answers), *self._named(answers)]
        return tuple(sorted(found, key=lambda clause: _ORDER.index(clause.kind)))

    def title(self, *names: Name) -> str:
        """Return what is explained of a name: ``plan_holds(account)``, ``role admin on account``.

        Several are roles on one thing, or reasons or obligations.
        """
        ordered = list(dict.fromkeys(name.rule for name in names))
        match names[0].kind:
            case "role":
                return f"role {either(ordered)} on {self._listed(names[0])}"
            case "rule":
                return f"{names[0].rule}({self._listed(names[0])})"
            case _:
                return either([f"`{each}`" for each in sorted(ordered)])

    @staticmethod
    def _by_rule(names: Iterable[Name]) -> Iterator[Name]:
        """Yield one name of each rule, in the order of the rules."""
        yield from {name.rule: name for name in sorted(names, key=lambda name: name.rule)}.values()

    def merged(
        self, alternatives: Sequence[tuple[Clause, ...]]
    ) -> Iterator[tuple[int, tuple[Clause, ...]]]:
        """Yield alternatives, as one those that differ in a role, each with the place of its first.

        ``user has role admin on account``, or ``user has role owner on account``.
        """
        left = list(enumerate(alternatives))
        at = 0
        while at < len(left):
            place, one = left[at]
            for other in range(at + 1, len(left)):
                both = self._either(one, left[other][1])
                if both is not None:
                    left[at] = (place, both)
                    del left[other]
                    at = -1
                    break
            at += 1
        yield from left

    def _either(
        self, one: tuple[Clause, ...], other: tuple[Clause, ...]
    ) -> tuple[Clause, ...] | None:
        """Return two alternatives as one, where they are alike apart from a role that one has."""
        mine = [clause for clause in one if clause not in other]
        yours = [clause for clause in other if clause not in one]
        if len(mine) != 1 or len(yours) != 1:
            return None
        left, right = mine[0], yours[0]
        alike = (left.kind, left.when, left.holds) == (right.kind, right.when, right.holds)
        if not alike or left.kind != ROLE or not left.holds:
            return None
        if left.names[0].operands != right.names[0].operands:
            return None
        both = self._clause(tuple(dict.fromkeys((*left.names, *right.names))), left.when)
        return tuple(both if clause is left else clause for clause in one)

    def _facts(self, answers: Sequence[Outcomes]) -> Iterator[Clause]:
        for each in answers:
            if not isinstance(each.test.question, RuleHolds):
                text = self._wording.answered(each)
                yield Clause(text, FACT, HOLDS, holds=True, names=())

    def _named(self, answers: Sequence[Outcomes]) -> Iterator[Clause]:
        sides: dict[tuple[object, ...], dict[str, tuple[Name, bool]]] = {}
        for each in answers:
            if isinstance(each.test.question, RuleHolds):
                name = self._names[each.test.question]
                sides.setdefault(name.key, {})[name.side] = (name, each.labelled == (True,))
        missing: dict[tuple[str, str, tuple[Operand, ...]], list[Name]] = {}
        for told in sides.values():
            for when, holds, name in _times(told):
                if name.kind in {REASON, ROLE} and not holds:
                    missing.setdefault((when, name.kind, name.operands), []).append(name)
                else:
                    yield self._clause((name,), when, holds=holds)
        for (when, _, _), names in missing.items():
            yield self._clause(tuple(names), when, holds=False)

    def _clause(self, names: tuple[Name, ...], when: str, *, holds: bool = True) -> Clause:
        text = self._text(names, when, holds=holds)
        return Clause(text, names[0].kind, when, holds=holds, names=names)

    def _text(self, names: tuple[Name, ...], when: str, *, holds: bool) -> str:
        kind, title = names[0].kind, self.title(*names)
        if kind == ROLE:
            return self._role(title, when, holds=holds)
        if kind == REASON and holds:
            return {
                HOLDS: f"{title} forbids it",
                HELD: f"{title} forbade it before",
                NEWLY: f"{title} forbids it now, and did not before",
                NO_LONGER: f"{title} forbade it before, and no longer",
            }[when]
        if not holds:
            several = [self.title(each) for each in self._by_rule(names)]
            return f"{none_of(several)}{' before' if when == HELD else ''}"
        return {
            HOLDS: title,
            HELD: f"{title} held before",
            NEWLY: f"{title} holds now, and did not before",
            NO_LONGER: f"{title} held before, and no longer",
        }[when]

    def _role(self, what: str, when: str, *, holds: bool) -> str:
        who = self._wording.path(SUBJECT)
        if not holds:
            return f"{who} {'did not have' if when == HELD else 'does not have'} {what}"
        return {
            HOLDS: f"{who} has {what}",
            HELD: f"{who} had {what} before",
            NEWLY: f"{who} has {what} now, and did not before",
            NO_LONGER: f"{who} had {what} before, and no longer",
        }[when]

    def _listed(self, name: Name) -> str:
        return ", ".join(map(self._wording.path, name.operands))


def _times(told: dict[str, tuple[Name, bool]]) -> Iterator[tuple[str, bool, Name]]:
    """Yield when a rule holds, or does not: of one that an edit changed before and after it."""
    if NOW in told:
        name, holds = told[NOW]
        yield HOLDS, holds, name
    if ONLY_OLD in told and ONLY_NEW in told and told[ONLY_OLD][1] is not told[ONLY_NEW][1]:
        name, holds = told[ONLY_NEW]
        yield (NEWLY if holds else NO_LONGER), True, name
        return
    for side, when in ((ONLY_OLD, HELD), (ONLY_NEW, HOLDS)):
        if side in told:
            name, holds = told[side]
            yield when, holds, name
