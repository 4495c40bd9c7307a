"""Which rules an entry point reaches. The others decide nothing, whatever they say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from sidecar.errors import Problem
from sidecar.polar.ast import text_of
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.polar.source import Block, Rule, Source

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


@dataclass(frozen=True, slots=True)
class _Clause:
    """A rule, or a line of a block, with what it calls."""

    name: str
    literals: _Literals
    """The strings in its head; None for every other parameter."""
    calls: tuple[tuple[str, _Literals], ...]
    rule: Rule | None
    """None for a line of a block."""


def unreached(sources: Sequence[Source], roots: Iterable[str] = ENTRY_POINTS) -> list[Rule]:
    """Return the rules that no entry point reaches, directly or through others, by their places.

    Args:
        sources: The whole policy.
        roots: The names of the rules that are asked from outside.
    """
    clauses = [*_clauses(sources)]
    by_name: dict[tuple[str, int], list[_Clause]] = defaultdict(list)
    for clause in clauses:
        by_name[clause.name, len(clause.literals)].append(clause)
    asked = set(roots)
    reached = {id(clause) for clause in clauses if clause.name in asked}
    waiting = [clause for clause in clauses if id(clause) in reached]
    followed: set[tuple[str, _Literals]] = set()  # thousands of lines make the same few calls
    while waiting:
        for name, arguments in waiting.pop().calls:
            if (name, arguments) in followed:
                continue
            followed.add((name, arguments))
            for called in by_name[name, len(arguments)]:
                if id(called) not in reached and _can_match(called.literals, arguments):
                    reached.add(id(called))
                    waiting.append(called)
    return [each.rule for each in clauses if each.rule is not None and id(each) not in reached]


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


def _clauses(sources: Sequence[Source]) -> Iterator[_Clause]:
    blocks = {block.type: block for source in sources for block in source.blocks}
    for source in sources:
        for rule in source.rules:
            calls = tuple(
                (call.name.text, tuple(map(text_of, call.arguments))) for call in rule.calls()
            )
            yield _Clause(rule.name, rule.literals, calls, rule)
        for block in source.blocks:
            yield from _lines(block, blocks)


def _lines(block: Block, blocks: dict[str, Block]) -> Iterator[_Clause]:
    """Yield the rules that the lines of a block stand for."""
    for line in block.implications:
        owner: Block | None = block
        if line.relation is not None:
            related = block.relations.get(line.relation)
            owner = blocks.get(related.text) if related is not None else None
        granted = block.names.get(line.granted)
        implier = owner.names.get(line.implier) if owner else None
        if granted is None or implier is None:
            continue  # Oso refuses such a line
        calls: list[tuple[str, _Literals]] = [(implier, (None, line.implier, None))]
        if line.relation:
            calls.append(("has_relation", (None, line.relation, None)))
        yield _Clause(granted, (None, line.granted, None), tuple(calls), None)
