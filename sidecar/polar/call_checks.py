"""Calls and heads of rules that never meet: Oso says nothing of them, and they never hold.

Under `not` they always hold: `not has_role(user, "ownr", account)` would let everybody in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from sidecar.errors import Problem
from sidecar.polar.ast import Call, Instance, Literal, Variable, text_of, type_of
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.polar.names import Names, nearest
from sidecar.polar.reachability import BUILT_IN
from sidecar.polar.source import Block, Rule, Source

BUILT_IN_PARAMETERS = 3
"""An actor, a name and a resource."""
_Heads = Mapping[tuple[str, int], Sequence[Sequence[str | None]]]


def check_calls(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield calls of rules that are not there, or have another number of parameters."""
    known: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        for rule in source.rules:
            known[rule.name].add(len(rule.parameters))
        for name in BUILT_IN if source.blocks else ():
            known[name].add(BUILT_IN_PARAMETERS)
    for rule, call in _calls(sources):
        name, count = call.name.text, len(call.arguments) + len(call.named)
        if name not in known:
            message = f"there is no rule `{name}`; {nearest(name, known)}"
            yield Problem(rule.file, call.span.line, message)
        elif count not in known[name]:
            takes = " or ".join(map(str, sorted(known[name])))
            message = f"`{name}` takes {takes} arguments, not {count}"
            yield Problem(rule.file, call.span.line, message)


def check_literals(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield strings in calls that stand in no head of the rule that is called."""
    heads = _heads(sources)
    wanted = {
        key: [{head[position] for head in called} for position in range(key[1])]
        for key, called in heads.items()
    }
    for rule, call in _calls(sources):
        name = call.name.text
        known = wanted.get((name, len(call.arguments)), [])
        for argument, texts in zip(call.arguments, known, strict=False):
            text = text_of(argument)
            if text is not None and None not in texts and text not in texts:
                mend = nearest(text, [each for each in texts if each is not None])
                message = f"no rule `{name}` is for `{text}`; {mend}"
                yield Problem(rule.file, argument.span.line, message)


def check_action_arguments(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield calls that give the action to a rule that takes its name.

    The rules that are called would be faulted one by one, and they are right.
    """
    texts = _taking_texts(sources)
    for rule, call, at, variable in _given_actions(sources):
        if (call.name.text, at) in texts:
            message = f"`{call.name.text}` takes a text here, and the action is an object"
            yield Problem(rule.file, variable.span.line, f"{message}; write `{variable.name}.name`")


def _calls(sources: Sequence[Source]) -> Iterator[tuple[Rule, Call]]:
    for source in sources:
        for rule in source.rules:
            for call in rule.calls():
                yield rule, call


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
                if type_of(parameter) == "String":
                    found.add((rule.name, at))
    return frozenset(found)


def _given_actions(
    sources: Sequence[Source],
) -> Iterator[tuple[Rule, Call, int, Variable]]:
    """Yield each argument that is the action: its rule, the call, the place and the variable."""
    calls = [
        (rule, [(call, *each) for call in rule.calls() for each in _variables(call)])
        for source in sources
        for rule in source.rules
    ]
    taking = {(name, 1) for name in ENTRY_POINTS}
    size = 0
    while size < len(taking):
        size = len(taking)
        for rule, arguments in calls:
            known = _actions_of(rule, taking)
            taking.update((c.name.text, at) for c, at, var in arguments if var.name in known)
    for rule, arguments in calls:
        known = _actions_of(rule, taking)
        for call, at, variable in arguments:
            if variable.name in known:
                yield rule, call, at, variable


def _variables(call: Call) -> Iterator[tuple[int, Variable]]:
    for at, argument in enumerate(call.arguments):
        if isinstance(argument, Variable):
            yield at, argument


def _actions_of(rule: Rule, taking: Collection[tuple[str, int]]) -> frozenset[str]:
    """Return the parameters of a rule that are the action, by their types or by who calls it."""
    return frozenset(
        parameter.term.name
        for at, parameter in enumerate(rule.parameters)
        if isinstance(parameter.term, Variable)
        and parameter.term.name != "_"
        and (
            type_of(parameter) == "Action"
            or (parameter.specializer is None and (rule.name, at) in taking)
        )
    )


def check_blocks(sources: Sequence[Source]) -> Iterator[Problem]:
    """Yield second blocks of one type: a stale copy beside a file would widen it in silence."""
    first: dict[tuple[str, str], Block] = {}
    for source in sources:
        for block in source.blocks:
            before = first.setdefault((block.keyword, block.type), block)
            if before is not block:
                place = f"{before.file}:{before.line}"
                message = f"`{block.type}` has {block.called} at {place} already; write one"
                yield Problem(block.file, block.line, message)


def check_heads(sources: Sequence[Source], names: Names) -> Iterator[Problem]:
    """Yield heads that name what their type does not have: such a rule never holds."""
    blocks = {block.type: block for source in sources for block in source.blocks}
    with_block = {(block.keyword, block.type) for source in sources for block in source.blocks}
    for source in sources:
        for rule in source.rules:
            if missing := _missing_block(rule, names, with_block):
                yield Problem(source.file, rule.line, missing)
                continue
            declared = names.schema.types.get(names.classes.get(_type_at(rule, 2), ""))
            literal = _named(rule)
            if declared is None or literal is None:
                continue
            block = blocks.get(declared.polar)
            if rule.name == "has_role":
                what, known = "role", {str(r.value) for r in block.roles} if block else None
            elif rule.name == "has_relation":
                what, known = "relation", set(block.relations) if block else None
            else:
                what, known = "action", set(declared.actions)
            text = str(literal.value)
            if known is not None and text not in known:
                message = f"`{text}` is no {what} of `{declared.name}`; {nearest(text, known)}"
                yield Problem(source.file, literal.span.line, message)


def _missing_block(rule: Rule, names: Names, with_block: Collection[tuple[str, str]]) -> str | None:
    """Return what is wrong where a role or a permission is given to or on a type without a block.

    Oso has these two rules for actors and resources alone.
    """
    if (
        rule.name not in {"has_role", "has_permission"}
        or len(rule.parameters) != BUILT_IN_PARAMETERS
    ):
        return None
    for keyword, position in (("actor", 0), ("resource", 2)):
        polar = _type_at(rule, position)
        if polar in names.classes and (keyword, polar) not in with_block:
            block = f"{keyword} {polar} {{{'' if keyword == 'actor' else ' … '}}}"
            mend = f"write `{block}`, or a rule of another name"
            return f"`{rule.name}` is for types with a block; {mend}"
    return None


def _type_at(rule: Rule, position: int) -> str:
    """Return the type of a parameter, empty where it has none."""
    for parameter in rule.parameters[position : position + 1]:
        return type_of(parameter) or ""
    return ""


def _named(rule: Rule) -> Literal | None:
    """Return the string in a head that names an action, a permission, a role or a relation."""
    for parameter in rule.parameters[1:2]:
        term, pattern = parameter.term, parameter.specializer
        if rule.name in BUILT_IN:
            is_text = pattern is None and text_of(term) is not None
            return term if is_text and isinstance(term, Literal) else None
        if rule.name in ENTRY_POINTS and isinstance(pattern, Instance) and pattern.fields:
            for entry in pattern.fields.entries:
                if entry.key.text == "name" and isinstance(entry.value, Literal):
                    return entry.value
    return None


def _heads(sources: Sequence[Source]) -> _Heads:
    """Return for each rule the strings in its heads; what a block declares is known as well."""
    heads: dict[tuple[str, int], list[Sequence[str | None]]] = defaultdict(list)
    for source in sources:
        for rule in source.rules:
            heads[rule.name, len(rule.parameters)].append(rule.literals)
        for block in source.blocks:
            declared = [str(literal.value) for literal in (*block.roles, *block.permissions)]
            for name in (*declared, *block.relations):
                heads[str(block.names.get(name)), BUILT_IN_PARAMETERS].append([None, name, None])
    return heads
