"""Calls and heads of rules that never meet: Oso says nothing of them, and they never hold.

Under `not` they always hold: `not has_role(user, "ownr", account)` would let everybody in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from sidecar.errors import Problem
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.polar.names import Names, nearest
from sidecar.polar.reachability import BUILT_IN
from sidecar.polar.source import Block, Rule, Source, called_block
from sidecar.polar.tokens import Token

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


def check_action_arguments(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield calls that give the action to a rule that takes its name.

    The rules that are called would be faulted one by one, and they are right.
    """
    texts = _taking_texts(sources)
    for rule, token, at, word in _given_actions(sources):
        if (token.text, at) in texts:
            message = f"`{token.text}` takes a text here, and the action is an object"
            yield Problem(rule.file, word.line, f"{message}; write `{word.text}.name`")


def _taking_texts(sources: Sequence[Source]) -> frozenset[tuple[str, int]]:
    """Return the rules that take a text, and at which of their parameters."""
    found = {
        (name, at)
        for (name, _), heads in _heads(sources).items()
        for head in heads
        for at, literal in enumerate(head)
        if literal is not None
    }
    for source in sources:
        for rule in source.rules:
            for at, parameter in enumerate(rule.parameters):
                if [token.text for token in parameter[1:3]] == [":", "String"]:
                    found.add((rule.name, at))
    return frozenset(found)


def _given_actions(sources: Sequence[Source]) -> Iterator[tuple[Rule, Token, int, Token]]:
    """Yield each argument that is the action: the rule, the rule it calls, the place, the word."""
    rules = [rule for source in sources for rule in source.rules]
    taking = {(name, 1) for name in ENTRY_POINTS}
    size = 0
    while size < len(taking):
        size = len(taking)
        for rule in rules:
            known = _actions_of(rule, taking)
            for token, arguments in rule.calls():
                taking.update(
                    (token.text, at)
                    for at, argument in enumerate(arguments)
                    if len(argument) == 1 and argument[0].text in known
                )
    for rule in rules:
        known = _actions_of(rule, taking)
        for token, arguments in rule.calls():
            for at, argument in enumerate(arguments):
                if len(argument) == 1 and argument[0].text in known:
                    yield rule, token, at, argument[0]


def _actions_of(rule: Rule, taking: Collection[tuple[str, int]]) -> frozenset[str]:
    """Return the parameters of a rule that are the action, by their types or by who calls it."""
    return frozenset(
        parameter[0].text
        for at, parameter in enumerate(rule.parameters)
        if parameter[0].kind == "word"
        and parameter[0].text != "_"
        and (
            [token.text for token in parameter[1:3]] == [":", "Action"]
            or (len(parameter) == 1 and (rule.name, at) in taking)
        )
    )


def check_blocks(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield second blocks of one type: a stale copy beside a file would widen it in silence."""
    first: dict[tuple[str, str], Block] = {}
    for source in sources:
        for block in source.blocks:
            before = first.setdefault((block.keyword, block.type), block)
            if before is not block:
                what = called_block(block.keyword)
                message = f"`{block.type}` has {what} at {before.file}:{before.line}"
                yield Problem(block.file, block.line, f"{message} already; write one")


def check_heads(sources: Sequence[Source], names: Names) -> Iterator[Problem]:
    """Yield heads that name what their type does not have: such a rule never holds."""
    blocks = {block.type: block for source in sources for block in source.blocks}
    for source in sources:
        for rule in source.rules:
            if missing := _missing_block(rule, names, sources):
                yield Problem(source.file, rule.line, missing)
                continue
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


def _missing_block(rule: Rule, names: Names, sources: Sequence[Source]) -> str | None:
    """Return what is wrong where a role or a permission is given to or on a type without a block.

    Oso has these two rules for actors and resources alone.
    """
    if (
        rule.name not in {"has_role", "has_permission"}
        or len(rule.parameters) != ENTRY_POINTS["allow"]
    ):
        return None
    known = {(b.keyword, b.type) for source in sources for b in source.blocks}
    for keyword, position in (("actor", 0), ("resource", 2)):
        polar = _class_of(rule, position)
        if polar in names.classes and (keyword, polar) not in known:
            block = f"{keyword} {polar} {{{'' if keyword == 'actor' else ' … '}}}"
            mend = f"write `{block}`, or a rule of another name"
            return f"`{rule.name}` is for types with a block; {mend}"
    return None


def _class_of(rule: Rule, position: int = 2) -> str:
    """Return the type of the resource in a rule's head, empty where it has none."""
    for parameter in rule.parameters[position : position + 1]:
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
