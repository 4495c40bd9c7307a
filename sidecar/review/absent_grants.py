"""Grants that hold because a fact is absent: `not doc.until <= context.now` holds without `until`.

Each comparison of a fact is written so that an absent fact no longer helps a grant; where fewer
requests are allowed then, in some state that can be, a grant depends on the absence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.compiler.pack import read_texts
from sidecar.compiler.variant_process import Variants
from sidecar.diagram.nodes import FALSE
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError
from sidecar.polar.ast import (
    Binary,
    Builtin,
    Call,
    Group,
    Junction,
    Literal,
    Member,
    Name,
    Node,
    Not,
    Rule,
    Span,
    Term,
    Variable,
)
from sidecar.polar.parser import parse
from sidecar.polar.reachability import unreached
from sidecar.polar.source import read_source
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Joined, UncompiledError
from sidecar.review.regions import Regions
from sidecar.review.states import KnownStates
from sidecar.review.witness import changed_entries
from sidecar.schema import Schema

_COMPARING = frozenset({"=", "==", "<", "<=", ">", ">=", "in", "matches"})
_NEVER_ABSENT = frozenset({"exists", "includes"})
"""Members that are never absent."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A condition by whose fact something is granted where the fact is absent."""

    file: str
    line: int
    column: int
    condition: str
    """As it is written."""
    fact: str
    """As it is written."""


def grants_by_absence(policies: Path, fixtures: Path) -> Iterator[Absence]:
    """Yield the conditions that let a grant hold because a fact is absent, in some state.

    Raises:
        InvalidPackError: The pack cannot be used.
    """
    pack, sentences = read_texts(policies, fixtures)
    known = KnownStates()
    reached = _reached_by_grants(pack.texts)
    names = _optional_names(pack.schema)
    with Variants(pack, sentences) as variants:
        for file, text in pack.texts.items():
            for line in parse(text, file).lines:
                if not isinstance(line, Rule) or (file, line.span.line) not in reached:
                    continue
                for span, written, fact in _written(line, text, names):
                    edited = f"{text[: span.start]}{written}{text[span.end :]}"
                    try:
                        variant = variants.compile({file: edited})
                    except InvalidPackError:  # nobody can ask whether such a value exists
                        continue
                    if _grants_less(variants.policy, variant, known):
                        condition = " ".join(text[span.start : span.end].split())
                        yield Absence(file, span.line, span.column, condition, fact)


def _grants_less(policy: Policy, variant: Policy, known: KnownStates) -> bool:
    """Tell whether a state can be in which a request is allowed, and the variant grants it not.

    What its prohibitions say is left out: nothing is granted by a fact that they find absent.
    """
    joined = Joined(policy, variant, known=known)
    for subject, resource, action in changed_entries(policy, variant):
        scope = (subject, resource)
        try:
            old = joined.allowed(OLD_SIDE, scope, action)
            new = joined.granted(NEW_SIDE, scope, action)
        except UncompiledError:  # Oso is asked at request time, so nobody knows
            continue
        lost = joined.trees.choose(new, FALSE, old)
        if not Regions(joined, scope).is_empty(lost):
            return True
    return False


def _reached_by_grants(texts: Mapping[str, str]) -> frozenset[tuple[str, int]]:
    """Return where the rules stand that `allow` reaches."""
    sources = [read_source(file, text)[0] for file, text in texts.items()]
    left = {(rule.file, rule.line) for rule in unreached(sources, ("allow",))}
    return frozenset((rule.file, rule.line) for source in sources for rule in source.rules) - left


def _optional_names(schema: Schema) -> frozenset[str]:
    """Return the names of what can be absent, whatever it is a member of."""
    found: set[str] = set()
    for declared in schema.types.values():
        found.update(declared.lookups)
        found.update(
            each.name
            for each in declared.attributes.values()
            if each.default is None and (each.optional or each.caller)
        )
        found.update(e.polar for e in declared.local.values() if e.of in found)
        for action in declared.actions.values():
            found.update(e.name for e in action.properties.values() if e.default is None)
    found.update(
        each.name for each in schema.context.values() if each.default is None and each.name != "now"
    )
    found.update(each.polar for each in schema.local_context.values() if each.of in found)
    return frozenset(found)


def _written(rule: Rule, text: str, names: frozenset[str]) -> Iterator[tuple[Span, str, str]]:
    """Yield each comparison: where it stands, how it is written without absence, and the fact."""
    # What is put to a rule by its type is there; whatever else a variable holds can be absent.
    typed = {
        each.term.name
        for each in rule.head.parameters
        if isinstance(each.term, Variable) and each.specializer is not None
    }
    for node in _conditions(rule.body) if rule.body is not None else ():
        operator = node.operator.text if isinstance(node, Binary) else "="
        sides = (node.left, node.right) if isinstance(node, Binary) else (node,)
        own = text[node.span.start : node.span.end]
        for side in sides:
            if not _can_be_absent(side, names, typed):
                continue
            fact = text[side.span.start : side.span.end]
            if operator == "!=":
                yield node.span, f"({own} and {fact}.exists = true)", fact
            elif operator in _COMPARING:
                yield node.span, f"({own} or {fact}.exists = false)", fact


def _conditions(term: Term) -> Iterator[Term]:
    """Yield the comparisons and facts that a body is made of."""
    if isinstance(term, Group):
        yield from _conditions(term.inner)
    elif isinstance(term, Not):
        yield from _conditions(term.operand)
    elif isinstance(term, Junction):
        for operand in term.operands:
            yield from _conditions(operand)
    elif isinstance(term, Builtin):
        for argument in term.arguments:
            yield from _conditions(argument)
    elif isinstance(term, Binary | Member):
        yield term


def _can_be_absent(term: Node, names: frozenset[str], typed: Collection[str]) -> bool:
    if isinstance(term, Variable):
        return term.name not in {"context", "settings", *typed}
    if not isinstance(term, Member) or isinstance(term.member, Variable | Literal):
        return False
    last = term.member.name.text if isinstance(term.member, Call) else term.member.text
    return last not in _NEVER_ABSENT and _names_one_of(term, names)


def _names_one_of(term: Node, names: frozenset[str]) -> bool:
    """Tell whether a member on the way to a fact can be absent."""
    while isinstance(term, Member):
        member = term.member
        if isinstance(member, Call):
            return True
        if isinstance(member, Name) and member.text in names:
            return True
        term = term.head
    return False
