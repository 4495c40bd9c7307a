"""Calls and heads of rules that never meet: Oso says nothing of them, and they never hold.

Under `not` they always hold: `not has_role(user, "ownr", account)` would let everybody in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from sidecar.errors import Problem
from sidecar.policy.constructs import ENTRY_POINTS
from sidecar.policy.names import Names, nearest
from sidecar.policy.source import Block, Rule, Source
from sidecar.policy.tokens import Token

BUILT_IN = ("has_role", "has_permission", "has_relation")
"""Rules that resource blocks speak of, with an actor, a name and a resource."""

_Heads = Mapping[tuple[str, int], Sequence[Sequence[str | None]]]


def check_calls(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield calls of rules that are not there, or have another number of parameters."""
    known: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        for rule in source.rules:
            known[rule.name].add(len(rule.parameters))
        for _ in source.blocks:
            for name in BUILT_IN:
                known[name].add(3)
    for source in sources:
        for rule in source.rules:
            for token, arguments in rule.calls():
                if token.text not in known:
                    message = f"there is no rule `{token.text}`; {nearest(token.text, known)}"
                    yield Problem(source.file, token.line, message)
                elif len(arguments) not in known[token.text]:
                    takes = " or ".join(map(str, sorted(known[token.text])))
                    message = f"`{token.text}` takes {takes} arguments, not {len(arguments)}"
                    yield Problem(source.file, token.line, message)


def check_literals(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield strings in calls that stand in no head of the rule that is called."""
    heads = _heads(sources)
    for source in sources:
        for rule in source.rules:
            for token, arguments in rule.calls():
                called = heads.get((token.text, len(arguments)), ())
                for position, argument in enumerate(arguments):
                    if not called or len(argument) != 1 or argument[0].kind != "string":
                        continue
                    said, wanted = argument[0].literal, {head[position] for head in called}
                    if None not in wanted and said not in wanted:
                        mend = nearest(said, [text for text in wanted if text is not None])
                        message = f"no rule `{token.text}` is for `{said}`; {mend}"
                        yield Problem(source.file, argument[0].line, message)


def check_blocks(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield second blocks of one type: a stale copy beside a file would widen it in silence."""
    first: dict[tuple[str, str], Block] = {}
    for source in sources:
        for block in source.blocks:
            before = first.setdefault((block.keyword, block.type), block)
            if before is not block:
                message = (
                    f"`{block.type}` has a {block.keyword} block at {before.file}:{before.line}"
                )
                yield Problem(block.file, block.line, f"{message} already; write one")


def check_heads(sources: Sequence[Source], names: Names) -> Iterator[Problem]:
    """Yield heads that name what their type does not have: such a rule never holds."""
    blocks = {block.type: block for source in sources for block in source.blocks}
    for source in sources:
        for rule in source.rules:
            declared = names.schema.types.get(names.classes.get(_class_of(rule), ""))
            token = _named(rule)
            if declared is None or token is None:
                continue
            block = blocks.get(declared.polar)
            if rule.name == "has_role":
                what, known = "role", {each.literal for each in block.roles} if block else None
            elif rule.name == "has_relation":
                what, known = "relation", set(block.relations) if block else None
            else:
                what, known = "action", set(declared.actions)
            if known is not None and token.literal not in known:
                mend = nearest(token.literal, known)
                message = f"`{token.literal}` is no {what} of `{declared.name}`; {mend}"
                yield Problem(source.file, token.line, message)


def _class_of(rule: Rule) -> str:
    """Return the type of the resource in a rule's head, empty where it has none."""
    for parameter in rule.parameters[2:3]:
        texts = [token.text for token in parameter]
        if texts[1:2] == [":"]:
            return "".join(texts[2:3])
    return ""


def _named(rule: Rule) -> Token | None:
    """Return the string in a head that names an action, a permission, a role or a relation."""
    for parameter in rule.parameters[1:2]:
        if rule.name in BUILT_IN:
            return parameter[0] if rule.literal(1) is not None else None
        for name, colon, token in zip(parameter, parameter[1:], parameter[2:], strict=False):
            if (name.text, colon.text, token.kind) == ("name", ":", "string"):
                return token if rule.name in ENTRY_POINTS else None
    return None


def uncalled(sources: Sequence[Source]) -> Iterator[tuple[Problem, bool]]:
    """Yield rules that nothing calls, and whether the name looks like a slip of one that is asked.

    A misspelt `forbid` would load, and forbid nothing.
    """
    asked = {*ENTRY_POINTS, *BUILT_IN}
    called = {
        token.text for source in sources for rule in source.rules for token, _ in rule.calls()
    }
    for source in sources:
        for rule in source.rules:
            if rule.name not in asked | called:
                slip = get_close_matches(rule.name.lower(), asked, n=1, cutoff=0.75)
                advice = f"did you mean `{slip[0]}`?" if slip else "it decides nothing"
                message = f"nothing calls the rule `{rule.name}`; {advice}"
                yield Problem(source.file, rule.line, message), bool(slip)


def _heads(sources: Sequence[Source]) -> _Heads:
    """Return for each rule the strings in its heads; what a block declares is known as well."""
    heads: dict[tuple[str, int], list[Sequence[str | None]]] = defaultdict(list)
    for source in sources:
        for rule in source.rules:
            literals = [rule.literal(position) for position in range(len(rule.parameters))]
            heads[rule.name, len(literals)].append(literals)
        for block in source.blocks:
            declared = [token.literal for token in (*block.roles, *block.permissions)]
            for name in (*declared, *block.relations):
                heads[str(block.names.get(name)), 3].append([None, name, None])
    return heads
