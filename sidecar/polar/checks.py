"""What Polar would accept and a policy may not say: each is a trap that was reproduced.

The reasons stand in `docs/packs.md`, *What a policy may not say*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite

from sidecar.errors import Problem
from sidecar.polar.literals import MAXIMUM_DIGITS
from sidecar.polar.mistakes import absent_word, foreign_list
from sidecar.polar.source import Rule, Source
from sidecar.polar.syntax_errors import ABSENT_WORDS, TRUTH_WORDS
from sidecar.polar.tokens import Token

ENTRY_POINTS = {"allow": 3, "forbid": 4, "oblige": 4}
"""The rules that are asked from outside, with the number of their parameters."""

CONSTANTS = frozenset({"true", "false", "nil", "context", "settings"})

REFUSED_WORDS = {
    "new": "nothing can be made in a policy",
    "cut": "it would make the answer depend on the order of the rules",
    "mod": "arithmetic on facts cannot be compiled; put the number into the settings",
    "rem": "arithmetic on facts cannot be compiled; put the number into the settings",
    "isa": "write `matches`",
    "nan": "it is no number that a fact can have",
    "inf": "it is no number that a fact can have",
}
_REFUSED_CALLS = {
    "print": "a policy cannot print",
    "debug": "it would wait at the terminal",
}
MAXIMUM_INTEGER = 2**63 - 1
"""Oso's integers have 64 bits."""

_COMPARISONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">="})


def check_constructs(source: Source) -> Iterator[Problem]:
    """Yield every construct of `source` that is refused, and why."""
    for rule in source.rules:
        yield from _heads(rule)
        tokens = [token for parameter in rule.parameters for token in parameter]
        for part in (tokens, rule.body):
            for problem in (*_words(part), *_looks(part), *_numbers(part), *_arithmetic(part)):
                yield Problem(rule.file, *problem)
        for problem in (*_itself(rule.body), *_anything(rule)):
            yield Problem(rule.file, *problem)


def _heads(rule: Rule) -> Iterator[Problem]:
    wanted = ENTRY_POINTS.get(rule.name)
    if problem := _name(rule.head):
        yield Problem(rule.file, *problem)
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
            if problem := _name(token):
                yield problem
            if after == ":":
                continue
            if token.text in ABSENT_WORDS:
                yield token.line, absent_word(tokens, position)
            elif token.text in TRUTH_WORDS:
                yield (
                    token.line,
                    f"`{token.text}` is no word of Polar; write `{TRUTH_WORDS[token.text]}`",
                )
            elif token.text in REFUSED_WORDS:
                yield token.line, f"`{token.text}` is not supported: {REFUSED_WORDS[token.text]}"
            elif token.text in _REFUSED_CALLS and after == "(":
                yield token.line, f"`{token.text}` is not supported: {_REFUSED_CALLS[token.text]}"


def _looks(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Find members whose name is computed, and `in` over what is no list."""
    for position, token in enumerate(tokens):
        after = tokens[position + 1].text if position + 1 < len(tokens) else ""
        if token.text in {"(", "{"} and (mend := foreign_list(tokens, position)):
            yield token.line, mend
        if token.text == "." and after == "(":
            yield token.line, "`.(` is not supported: write the name of the member after the dot"
        if token.text == "in" and position + 1 < len(tokens):
            if tokens[position + 1].kind == "string":
                mend = f"would go through its letters; write `in [{after}]`"
                yield token.line, f"`in {after}` {mend}"
            elif _is_variable(tokens, position + 1) and not _is_list(tokens, after):
                mend = "needs a list; write it out here, or put a set into the settings"
                yield token.line, f"`in {after}` {mend}"


def _is_list(tokens: Sequence[Token], variable: str) -> bool:
    """Tell whether a list that is written out is given to a variable."""
    texts = [token.text for token in tokens]
    return any(
        texts[at : at + 3] in ([variable, "=", "["], [variable, ":=", "["])
        for at in range(len(texts))
    )


def _name(token: Token) -> tuple[int, str] | None:
    """Return what is wrong with the name of a rule or a variable."""
    if "__" in token.text:
        return token.line, f"`{token.text}`: names with `__` are kept for the compiler"
    if ":" in token.text or "?" in token.text:
        return token.line, f"`{token.text}` is not a name; use letters, digits and `_`"
    return None


def _numbers(tokens: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Find numbers that are not what Polar would keep of them."""
    for token in tokens:
        if token.kind != "number":
            continue
        digits = re.sub(r"[eE].*|\.", "", token.text).strip("0")
        if not token.text.isdecimal() and len(digits) > MAXIMUM_DIGITS:
            message = (
                f"`{token.text}` has more than {MAXIMUM_DIGITS} digits; put it into the settings"
            )
            yield token.line, message
        elif not token.text.isdecimal() and not _is_exact(token.text):
            message = "is too large or too small to be kept exactly; write digits such as `0.01`"
            yield token.line, f"`{token.text}` {message}"
        elif token.text.isdecimal() and int(token.text[:20]) > MAXIMUM_INTEGER:
            yield token.line, f"`{token.text}` does not fit into 64 bits; write a smaller number"


def _is_exact(text: str) -> bool:
    """Tell whether Oso's binary numbers keep what a number with a fraction or exponent says."""
    kept = float(text)
    try:
        return isfinite(kept) and Decimal(repr(kept)) == Decimal(text)
    except InvalidOperation:  # its exponent is beyond all numbers
        return False


def _itself(body: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Find comparisons of the same variables: Oso answers them without asking what they are."""
    for position, token in enumerate(body):
        if token.text not in _COMPARISONS or token.kind != "mark":
            continue
        left, right = operand(body, position, -1), operand(body, position, +1)
        texts = [each.text for each in left]
        alone = "(" not in texts and any(_is_variable(left, at) for at in range(len(left)))
        if texts == [each.text for each in right] and alone:
            shown = "".join(texts)
            yield token.line, f"`{shown} {token.text} {shown}` compares `{shown}` with itself"


def _anything(rule: Rule) -> Iterator[tuple[int, str]]:
    """Find comparisons with a variable that stands for anything: they always hold."""
    for position, token in enumerate(rule.body):
        if token.text not in {"=", "==", "!=", ":="} or token.kind != "mark":
            continue
        sides = [operand(rule.body, position, step) for step in (-1, +1)]
        for side, other in (sides, sides[::-1]):
            word = side[0].text if len(side) == 1 and side[0].kind == "word" else ""
            if word == "_" or (word.startswith("_") and word[1:] in ABSENT_WORDS):
                shown = "".join(each.text for each in other)
                message = f"`{word}` stands for anything, so nothing is asked of `{shown}` here"
                yield token.line, message


def operand(body: Sequence[Token], position: int, step: int) -> Sequence[Token]:
    """Return the operand before or after a comparison."""
    inward, outward = ("([{", ")]}") if step > 0 else (")]}", "([{")
    at, depth = position + step, 0
    while 0 <= at < len(body):
        text = body[at].text
        if depth == 0 and (text in {"and", "or", "not", ",", ";"} or text in outward):
            break
        depth += (text in inward) - (text in outward)
        at += step
    return body[position + 1 : at] if step > 0 else body[at + 1 : position]


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
        if token.text == "*" and before is not None and before.text in {"[", ","}:
            yield token.line, "`*rest` in a list cannot be compiled; write the list out"
        elif not (token.text in {"-", "+"} and sign and number):
            message = f"`{token.text}`: {REFUSED_WORDS['mod']}"
            yield token.line, message
