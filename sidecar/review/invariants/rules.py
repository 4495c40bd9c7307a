"""Invariants as rules of Polar, so that Oso reads their conditions as it reads the policy's.

Each condition becomes a rule of its own, compiled along with the pack and explored as an entry
point is: its tree says, exactly as the policy's trees do, in which states it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.errors import Problem
from sidecar.polar.builder import read_string
from sidecar.polar.parser import tokenize
from sidecar.review.invariants.loader import InvalidInvariantError, Invariant
from sidecar.review.roles import roles_of
from sidecar.schema import Schema
from sidecar.schema.messages import nearest, one_of, shown

_ROLES = re.compile(
    r"(?<![\w.])role\s+(?:in\s*\[(?P<several>(?:\"(?:[^\"\\]|\\.)*\"|[^\]\"])*)\]"
    r"|(?:is|==?)\s*(?P<one>\"(?:[^\"\\]|\\.)*\"|\w+))"
)
"""``role in [owner, admin]``, ``role is owner``: short for what the pack's roles say."""
_NAMES = ("subject", "action", "resource")


@dataclass(slots=True)
class Probes:
    """The files that are compiled along with a pack, and what their rules stand for."""

    files: dict[str, str] = field(default_factory=dict)
    """File to its text; its rules of subject, action and resource are called as it is."""
    conditions: dict[tuple[int, str, int], str] = field(default_factory=dict)
    """(invariant, ``when`` or ``unless``, place) to the name of the rule."""
    origins: dict[str, Invariant] = field(default_factory=dict)
    """File to the invariant that it was made of."""


def probes_of(invariants: Sequence[Invariant], schema: Schema, texts: Mapping[str, str]) -> Probes:
    """Write the conditions of invariants as rules.

    Raises:
        InvalidInvariantError: One speaks of roles where there are none.
    """
    return _Writer(schema, texts).probes(invariants)


def translated(problems: Sequence[Problem], probes: Probes) -> list[Problem]:
    """Return problems of a pack, those of our own files with the place of their invariant."""
    found = []
    for problem in problems:
        origin = probes.origins.get(problem.file)
        if origin is not None:
            message = f"{shown(origin.name)}: {problem.message}"
            found.append(Problem(origin.file, origin.line, message))
        else:
            found.append(problem)
    return found


class _Writer:
    def __init__(self, schema: Schema, texts: Mapping[str, str]) -> None:
        self._schema = schema
        self._roles = roles_of(texts, schema)
        self._problems: list[Problem] = []

    def probes(self, invariants: Sequence[Invariant]) -> Probes:
        probes = Probes()
        for number, invariant in enumerate(invariants):
            for kind, conditions in (("when", invariant.when), ("unless", invariant.unless)):
                for place, condition in enumerate(conditions):
                    name = f"{kind}_{number}_{place}"
                    rules = list(self._rules(name, invariant, condition))
                    probes.files[f"{name}.polar"] = "\n".join(rules) + "\n"
                    probes.conditions[number, kind, place] = name
                    probes.origins[f"{name}.polar"] = invariant
        if self._problems:
            raise InvalidInvariantError(self._problems)
        return probes

    def _rules(self, name: str, invariant: Invariant, condition: str) -> Iterator[str]:
        if any(token.type == "SEMICOLON" for token in tokenize(condition)):
            self._problem(invariant, "a condition ends at `;`; write a list of conditions")
            return
        pairs = dict.fromkeys((target.subject, target.resource) for target in invariant.targets)
        for subject, resource in pairs:
            body = condition
            helpers: list[str] = []
            for at, found in enumerate(_ROLES.finditer(condition)):
                classes = (self._schema.types[each].polar for each in (subject, resource))
                helper = "_".join((name, *classes, str(at)))
                roles = _words(found["several"] if found["several"] is not None else found["one"])
                helpers += self._role_rules(helper, invariant, (subject, resource), roles)
                body = body.replace(found[0], f"{helper}(subject, action, resource)", 1)
            types = {
                "subject": self._schema.types[subject].polar,
                "action": "Action",
                "resource": self._schema.types[resource].polar,
            }
            head = ", ".join(
                f"{each if each in _words_of(body) else '_'}: {types[each]}" for each in _NAMES
            )
            yield from helpers
            yield f"{name}({head}) if {body};"

    def _role_rules(
        self, helper: str, invariant: Invariant, scope: tuple[str, str], roles: Sequence[str]
    ) -> Iterator[str]:
        subject, resource = (self._schema.types[name].polar for name in scope)
        owners = self._roles.get(scope[1], ())
        if not owners:
            self._problem(invariant, f"`{scope[1]}` has no roles; say `resource:`, or write Polar")
        for owner in owners:
            for role in roles:
                if role in owner.names:
                    yield owner.rules(helper, role, subject, resource)
                else:
                    mend = nearest(role, owner.names) or f"; it has {one_of(owner.names)}"
                    self._problem(invariant, f"there is no role {shown(role)}{mend}")

    def _problem(self, invariant: Invariant, message: str) -> None:
        self._problems.append(
            Problem(invariant.file, invariant.line, f"{shown(invariant.name)}: {message}")
        )


def _words_of(condition: str) -> frozenset[str]:
    """Return the variables of a condition: words that are no members of others."""
    tokens = tokenize(condition)
    return frozenset(
        str(token)
        for at, token in enumerate(tokens)
        if token.type == "SYMBOL" and not (at and tokens[at - 1].type == "DOT")
    )


def _words(text: str) -> list[str]:
    """Return the roles of a list: each a text, or a word without quotes."""
    found = re.findall(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^,\"'\s]+", text)
    return [read_string(each) if each[0] == '"' else each.strip("'") for each in found]
