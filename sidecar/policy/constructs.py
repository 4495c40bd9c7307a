"""What Polar would accept and a policy may not say: each is a trap that was reproduced.

The reasons stand in `docs/packs.md`, *What a policy may not say*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.errors import Problem
from sidecar.policy.source import Rule, Source, closing
from sidecar.policy.tokens import Token

ENTRY_POINTS = {"allow": 3, "forbid": 4, "oblige": 4}
"""The rules that are asked from outside, with the number of their parameters."""

CONSTANTS = frozenset({"true", "false", "nil", "context", "settings"})

_REFUSED_WORDS = {
    "new": "nothing can be made in a policy",
    "cut": "it would make the answer depend on the order of the rules",
    "nil": "an absent fact equals nothing; ask whether it `.exists`",
    "mod": "arithmetic on facts cannot be compiled; put the number into the settings",
    "rem": "arithmetic on facts cannot be compiled; put the number into the settings",
    "isa": "write `matches`",
}
_REFUSED_CALLS = {
    "print": "a policy cannot print",
    "debug": "it would wait at the terminal",
}
_COMPARISONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">="})


def check_constructs(source: Source) -> Iterator[Problem]:
    """Yield every construct of `source` that is refused, and why."""
    for rule in source.rules:
        yield from _heads(rule)
        tokens = [token for parameter in rule.parameters for token in parameter]
        for part in (tokens, rule.body):
            for problem in _words(part):
                yield Problem(rule.file, *problem)
        for problem in (*_arithmetic(rule.body), *_unbound_in_not(rule)):
            yield Problem(rule.file, *problem)


def _heads(rule: Rule) -> Iterator[Problem]:
    wanted = ENTRY_POINTS.get(rule.name)
    if "__" in rule.name:
        yield Problem(
            rule.file, rule.line, f"`{rule.name}`: names with `__` are kept for the compiler"
        )
    if wanted is not None and len(rule.parameters) != wanted:
        yield Problem(rule.file, rule.line, f"`{rule.name}` takes {wanted} parameters")
        return
    if wanted is not None and rule.literal(1) is not None:
        name = rule.literal(1)
        message = (
            f'the action is an object: write `_: Action{{name: "{name}"}}` instead of `"{name}"`'
        )
        yield Problem(rule.file, rule.parameters[1][0].line, message)
    if wanted == 4 and rule.literal(3) is None:
        what = "reason" if rule.name == "forbid" else "obligation"
        yield Problem(
            rule.file, rule.line, f"the {what} of `{rule.name}` must be a string in its head"
        )
    for parameter in rule.parameters:
        if parameter[0].text in {"context", "settings"}:
            word = parameter[0]
            message = f"`{word.text}` is known everywhere and cannot be a parameter"
            yield Problem(rule.file, word.line, message)


def _words(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    for position, token in enumerate(tokens):
        before = tokens[position - 1].text if position else ""
        after = tokens[position + 1].text if position + 1 < len(tokens) else ""
        if token.kind == "word" and before == "." and token.text.startswith("_"):
            yield token.line, f"`{token.text}`: nothing that begins with an underscore can be read"
        elif token.kind == "word" and before != ".":
            if token.text in _REFUSED_WORDS and after != ":":
                yield token.line, f"`{token.text}` is not supported: {_REFUSED_WORDS[token.text]}"
            elif token.text in _REFUSED_CALLS and after == "(":
                yield token.line, f"`{token.text}` is not supported: {_REFUSED_CALLS[token.text]}"
        if (
            token.text == "in"
            and position + 1 < len(tokens)
            and tokens[position + 1].kind == "string"
        ):
            yield token.line, f"`in {after}` would go through its letters; write `in [{after}]`"
        if (
            token.text in _COMPARISONS
            and _is_variable(tokens, position - 1)
            and before == after
            and (_is_variable(tokens, position + 1))
        ):
            yield token.line, f"`{before} {token.text} {after}` compares `{before}` with itself"


def _is_variable(tokens: Sequence[Token], position: int) -> bool:
    """Tell whether a word stands alone: no member of anything, nothing of it read, no call."""
    if not 0 <= position < len(tokens) or tokens[position].kind != "word":
        return False
    before = tokens[position - 1].text if position else ""
    after = tokens[position + 1].text if position + 1 < len(tokens) else ""
    return before not in {".", ":", "matches"} and after not in {".", "(", ":", "{"}


def _arithmetic(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    for position, token in enumerate(tokens):
        if token.kind != "mark" or token.text not in {"+", "-", "*", "/"}:
            continue
        before = tokens[position - 1] if position else None
        sign = before is None or before.text in {
            *_COMPARISONS,
            "(",
            "[",
            ",",
            ":",
            "in",
            "and",
            "or",
        }
        number = position + 1 < len(tokens) and tokens[position + 1].kind == "number"
        if not (token.text in {"-", "+"} and sign and number):
            message = f"`{token.text}`: arithmetic on facts cannot be compiled; put the number into the settings"
            yield token.line, message
        elif token.text == "*":
            yield token.line, "`*rest` in a list cannot be compiled; write the list out"


def _unbound_in_not(rule: Rule) -> Iterator[tuple[int, str]]:
    """Find variables that first stand under `not` and again after it.

    Polar does not bind them there: `not x = "a" and x = document.name` never holds.
    """
    bound = {
        token.text for parameter in rule.parameters for token in parameter if token.kind == "word"
    }
    body = rule.body
    for position, token in enumerate(body):
        if token.text == "not" and token.kind == "word":
            end = _operand_end(body, position + 1)
            outside = {body[at].text for at in range(end, len(body)) if _is_name(body, at)}
            for at in range(position + 1, end):
                word = body[at].text
                if _is_name(body, at) and word not in bound and word in outside:
                    message = f"`{word}` is not known yet under this `not`; put the condition that finds it before"
                    yield body[at].line, message
        elif _is_name(body, position):
            bound.add(token.text)


def _operand_end(tokens: Sequence[Token], start: int) -> int:
    position = start
    while position < len(tokens) and tokens[position].text not in {"and", "or", ")", ",", ";"}:
        position = (
            closing(tokens, position) + 1
            if tokens[position].text in {"(", "[", "{"}
            else position + 1
        )
    return position


def _is_name(tokens: Sequence[Token], position: int) -> bool:
    """Tell whether the word at `position` is a variable: not a member, a rule, a type or a keyword."""
    token = tokens[position]
    before = tokens[position - 1].text if position else ""
    after = tokens[position + 1].text if position + 1 < len(tokens) else ""
    return (
        token.kind == "word"
        and before not in {".", ":", "matches"}
        and after not in {"(", ":", "{"}
        and token.text not in {"and", "or", "not", "in", "if", "matches", "forall", "_", *CONSTANTS}
    )
