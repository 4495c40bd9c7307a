"""Variables that a rule uses before anything has found a value for them.

Oso goes on with such a variable as with any value that may be: `limit > 5 and limit < 3` is a
condition that could hold, under `not` it is lost, and a misspelt name is no name at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sidecar.errors import Problem
from sidecar.polar.checks import CONSTANTS, REFUSED_WORDS
from sidecar.polar.source import Rule, Source
from sidecar.polar.syntax_errors import ABSENT_WORDS, TRUTH_WORDS
from sidecar.polar.tokens import Token, closing

_BINDING = frozenset({"=", ":="})
_OPEN = frozenset({"(", "[", "{"})
_CLOSE = frozenset({")", "]", "}"})
_WORDS = frozenset(
    {
        "and",
        "or",
        "not",
        "in",
        "if",
        "matches",
        "forall",
        "_",
        *CONSTANTS,
        *ABSENT_WORDS,
        *TRUTH_WORDS,
    }
)


_SINGLETON = re.compile(r"Singleton variable (\S+) is unused or undefined")


def in_own_words(problem: Problem, sources: Sequence[Source]) -> Problem:
    """Return what Oso says of a variable that stands only once, without its advice.

    A name that begins with `_` is what Oso advises: a condition with it always holds.
    """
    found = _SINGLETON.match(problem.message)
    if found is None:
        return problem
    message = f"the variable `{found[1]}` stands only once in its rule"
    rules = [
        rule
        for source in sources
        for rule in source.rules
        if rule.file == problem.file and rule.line <= problem.line
    ]
    parameters = rules[-1].parameters if rules else ()
    if any([token.text for token in each[:2]] == [found[1], ":"] for each in parameters):
        return replace(problem, message=f"{message}; write `_` in its place")
    advice = "was a text in quotes or another name meant?"
    return replace(problem, message=f"{message}, so it stands for anything; {advice}")


def check_variables(rule: Rule) -> Iterator[tuple[int, str]]:
    """Yield the line of every variable that is not known where it stands, and how to mend it."""
    yield from _unknown(rule)
    yield from _unbound_in_not(rule)


def _parameters(rule: Rule) -> set[str]:
    return {
        token.text for parameter in rule.parameters for token in parameter if token.kind == "word"
    }


def _unknown(rule: Rule) -> Iterator[tuple[int, str]]:
    """Find variables that are read where they first stand: compared, or a member taken of them."""
    known, body = _parameters(rule), rule.body
    for position, token in enumerate(body):
        if token.kind == "word" and position and body[position - 1].text == ":":
            known.add(token.text)  # the value of a field: `matches Folder{author: person}`
        if not _is_name(body, position) or token.text in known:
            continue
        if not _finds(body, position, known):
            message = f"`{token.text}` is not known here; put the condition that finds it before"
            yield token.line, message
        known.add(token.text)


def _finds(body: Sequence[Token], position: int, known: set[str]) -> bool:
    """Tell whether a value is found for the variable that stands at `position`."""
    before = body[position - 1].text if position else ""
    after = body[position + 1].text if position + 1 < len(body) else ""
    if after == "in" or _is_argument(body, position):
        return True
    for sign, other in ((after, position + 2), (before, position - 2)):
        if sign in _BINDING:
            alone = (
                0 <= other < len(body) and _is_name(body, other) and not _has_member(body, other)
            )
            return not alone or body[other].text in known
    return False


def _has_member(body: Sequence[Token], position: int) -> bool:
    return position + 1 < len(body) and body[position + 1].text == "."


def _is_argument(body: Sequence[Token], position: int) -> bool:
    """Tell whether the innermost bracket around `position` is a rule's, a list's or a pattern's."""
    if _has_member(body, position):
        return False
    depth = 0
    for at in range(position - 1, -1, -1):
        depth += (body[at].text in _CLOSE) - (body[at].text in _OPEN)
        if depth < 0:
            called = at > 0 and body[at - 1].kind == "word" and body[at - 1].text not in _WORDS
            member = at > 1 and body[at - 2].text == "."
            return body[at].text != "(" or (called and not member)
    return False


def _unbound_in_not(rule: Rule) -> Iterator[tuple[int, str]]:
    """Find variables that first stand under `not` and again after it.

    Polar does not bind them there: `not x = "a" and x = document.name` never holds.
    """
    bound, body = _parameters(rule), rule.body
    for position, token in enumerate(body):
        if token.text == "not" and token.kind == "word":
            end = _operand_end(body, position + 1)
            outside = {body[at].text for at in range(end, len(body)) if _is_name(body, at)}
            for at in range(position + 1, end):
                word = body[at].text
                if _is_name(body, at) and word not in bound and word in outside:
                    advice = "put the condition that finds it before"
                    message = f"`{word}` is not known yet under this `not`; {advice}"
                    yield body[at].line, message
        elif _is_name(body, position):
            bound.add(token.text)


def _operand_end(tokens: Sequence[Token], start: int) -> int:
    position = start
    while position < len(tokens) and tokens[position].text not in {"and", "or", ")", ",", ";"}:
        position = closing(tokens, position) + 1 if tokens[position].text in _OPEN else position + 1
    return position


def _is_name(tokens: Sequence[Token], position: int) -> bool:
    """Tell whether a word is a variable: not a member, a rule, a type or a keyword."""
    token = tokens[position]
    before = tokens[position - 1].text if position else ""
    after = tokens[position + 1].text if position + 1 < len(tokens) else ""
    return (
        token.kind == "word"
        and before not in {".", ":", "matches"}
        and after not in {"(", ":", "{"}
        and token.text not in _WORDS
        and token.text not in REFUSED_WORDS
        and "__" not in token.text
    )
