"""Which rules an entry point reaches. The others decide nothing, whatever they say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from sidecar.errors import Problem
from sidecar.polar import ast
from sidecar.polar.ast import text_of
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.polar.source import Rule, Source, implied_rules
from sidecar.schema.model import Attribute, Kind, Schema

BUILT_IN = ("has_role", "has_permission", "has_relation")
"""Rules that resource blocks speak of, with an actor, a name and a resource."""

_PROHIBITING = re.compile(
    r"den(y|ies|ied|ial|ials|ying)|dis(allow|permit|able)\w*|prohibit\w*|forb[ia]d\w*|block\w*|"
    r"(black|deny|block)list\w*|except(ion|ions)?|exclu(de|sion)\w*|reject\w*|refus(e|al)\w*|"
    r"ban(s|ned|ning)?|veto\w*|restrict\w*|revok\w*|revocation|suspen[ds]\w*|prevent\w*|"
    r"stop(s|ped)?|lock(s|ed|out)?|bar(s|red)?|cannot|cant|must_?not|never|not|no|unless|"
    r"unauthori[sz]ed|not_?allowed|inhibit\w*|interdict\w*|embargo\w*|halt(s|ed)?|freez(e|es|ing)|"
    r"frozen|quarantin\w*|disqualif\w*|ineligible|illegal|without|with(hold|held)\w*|negat\w*"
)
"""Words of names that read like a prohibition."""
_OF_OSO = re.compile(
    r"allow_(request|field|query|model|partial|class|http)|is_allowed|(get|list)_allowed\w*|"
    r"authori[sz]ed?(_\w+)?"
)
"""Names that Oso's own library asks for, or that its users ask through it."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_Literals = tuple[str | None, ...]
_Call = tuple[str, _Literals]
"""A rule, and the strings that it is called with; None for every other argument."""


@dataclass(slots=True)
class _Group:
    """Clauses of one rule that have the same strings in their heads."""

    name: str
    literals: _Literals
    """None for every parameter that is no string."""
    rules: list[Rule] = field(default_factory=list)
    calls: set[_Call] = field(default_factory=set)


def unreached(sources: Sequence[Source], roots: Iterable[str] = ENTRY_POINTS) -> list[Rule]:
    """Return the rules that no entry point reaches, directly or through others, by their places.

    Args:
        sources: The whole policy.
        roots: The names of the rules that are asked from outside.
    """
    groups = _groups(sources)
    by_name: dict[tuple[str, int], list[_Group]] = defaultdict(list)
    for group in groups:
        by_name[group.name, len(group.literals)].append(group)
    asked = set(roots)
    waiting = [group for group in groups if group.name in asked]
    reached = {id(group) for group in waiting}
    followed: set[_Call] = set()
    while waiting:
        new = waiting.pop().calls - followed
        followed |= new
        for name, arguments in new:
            for called in by_name[name, len(arguments)]:
                if id(called) not in reached and _can_match(called.literals, arguments):
                    reached.add(id(called))
                    waiting.append(called)
    lost = {id(rule) for group in groups if id(group) not in reached for rule in group.rules}
    return [rule for source in sources for rule in source.rules if id(rule) in lost]


def refused(rules: Collection[Rule]) -> Iterator[Problem]:
    """Yield the unreached rules that a policy must not have: they read as if they decided.

    A prohibition that nothing asks for forbids nothing, and nobody would see that it is lost.
    """
    for rule in rules:
        name = rule.name
        words = [word.lower() for word in _WORDS.findall(name)]
        snake = name.lower()
        slip = get_close_matches(snake, (*ENTRY_POINTS, *BUILT_IN), n=1, cutoff=0.75)
        nothing = f"nothing asks the rule `{name}`"
        if _OF_OSO.fullmatch(snake):
            message = (
                f"{nothing}: only `allow`, `forbid` and `oblige` are asked; write what is to be"
                ' refused as `forbid(subject, action, resource, "reason")`'
            )
        elif any(map(_PROHIBITING.fullmatch, (snake, *words))):
            message = (
                f"{nothing}, so it forbids nothing; write"
                ' `forbid(subject, action, resource, "reason")`, or call it from one'
            )
        elif slip and name not in BUILT_IN:
            message = f"{nothing}; did you mean `{slip[0]}`?"
        else:
            continue
        yield Problem(rule.file, rule.line, message)


def check_entry_points(sources: Sequence[Source], left: Collection[Rule]) -> Iterator[Problem]:
    """Yield that nothing can be granted: there is no `allow`, or none asks for permissions.

    Args:
        sources: The whole policy.
        left: The rules that no entry point reaches.
    """
    permissions = [block for source in sources for block in source.blocks if block.permissions]
    asked = any(rule.name == "has_permission" for source in sources for rule in source.rules)
    body = "has_permission(subject, action.name, resource)" if permissions or asked else "…"
    grant = f"write `allow(subject, action: Action, resource) if {body};`"
    if not any(rule.name == "allow" for source in sources for rule in source.rules):
        message = f"no file has a rule `allow`, so nothing is ever granted; {grant}"
        yield Problem(sources[0].file if sources else "policies", 0, message)
    elif permissions and not _is_asked("has_permission", sources, left):
        block = permissions[0]
        message = f"`{block.type}` declares permissions, and no `allow` asks who has them; {grant}"
        yield Problem(block.file, block.line, message)


def _is_asked(name: str, sources: Sequence[Source], left: Collection[Rule]) -> bool:
    """Tell whether a rule that is reached calls another."""
    lost = {id(rule) for rule in left}
    return any(
        call.name.text == name
        for source in sources
        for rule in source.rules
        if id(rule) not in lost
        for call in rule.calls()
    )


def _can_match(wanted: _Literals, arguments: _Literals) -> bool:
    pairs = zip(wanted, arguments, strict=True)
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _groups(sources: Sequence[Source]) -> list[_Group]:
    groups: dict[_Call, _Group] = {}

    def group(name: str, literals: _Literals) -> _Group:
        return groups.setdefault((name, literals), _Group(name, literals))

    blocks = {block.type: block for source in sources for block in source.blocks}
    for source in sources:
        for rule in source.rules:
            found = group(rule.name, rule.literals)
            found.rules.append(rule)
            found.calls.update(
                (call.name.text, tuple(map(text_of, call.arguments))) for call in rule.calls()
            )
        for block in source.blocks:
            for line in implied_rules(block, blocks):
                granted = group(line.granted_by, (None, line.granted, None))
                granted.calls.add((line.asks, (None, line.implier, None)))
                if line.relation is not None:
                    granted.calls.add(("has_relation", (None, line.relation, None)))
    return list(groups.values())


def named_types(statement: ast.Rule | ast.Block) -> frozenset[str]:
    """Return the types that a rule demands of its operands, or the type of a block, by Polar names.

    Where an operand has another type, the rule does not hold whatever its body says.
    """
    if isinstance(statement, ast.Block):
        return frozenset({statement.type.text})
    types = map(ast.type_of, statement.head.parameters)
    return frozenset(name for name in types if name is not None)


def named_action(statement: ast.Rule | ast.Block) -> str | None:
    """Return the only action for which a rule of an entry point can hold, None where any may do."""
    if not isinstance(statement, ast.Rule) or statement.head.name.text not in ENTRY_POINTS:
        return None
    for parameter in statement.head.parameters[1:2]:
        pattern = parameter.specializer
        if isinstance(pattern, ast.Instance) and pattern.fields is not None:
            for entry in pattern.fields.entries:
                if entry.key.text == "name":
                    return ast.text_of(entry.value)
    return None


def reachable_types(schema: Schema, roots: Iterable[str]) -> frozenset[str]:
    """Return the types of the entities that a rule can be asked about in a request.

    Args:
        schema: The types.
        roots: The types of the subject and the resource.
    """
    members = [*schema.context.values(), *schema.settings.values()]
    for declared in schema.types.values():
        for action in declared.actions.values():
            members += action.properties.values()
    waiting = [*roots, *_targets(members)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in schema.types:
            continue
        found.add(name)
        declared = schema.types[name]
        waiting += _targets(declared.attributes.values())
        waiting += [lookup.finds for lookup in declared.lookups.values()]
    return frozenset(found)


def _targets(members: Iterable[Attribute]) -> list[str]:
    return [member.type.target for member in members if member.type.kind is Kind.REFERENCE]
