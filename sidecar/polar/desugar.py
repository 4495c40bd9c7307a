"""Spells conditions out as Oso can answer them exactly, before it is given them.

`document.public` becomes `document.public = true`: Oso takes no object of ours for a truth.
`a == b` becomes `a = b`, and `a != b` becomes `(not (a = b))`: Oso compares values of its own kinds
itself there, and takes `true == 1` for true, where `=` always comes to us.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sidecar.polar.checks import CONSTANTS, operand
from sidecar.polar.source import Rule, Tokens
from sidecar.polar.tokens import Token, closing

Edit = tuple[int, int, str]
"""Where to begin and end in the text, and what to put there."""

ASKER = "ask__"
"""The constant through which generated text asks Python."""
RENEWED = "renewed__"
"""What is called of it to have a value written out anew, so that nothing absent equals itself."""
PRESENT = "present__"
"""A member that is true of all that is present: a pattern with it matches nothing absent."""

_WORDS = frozenset({"and", "or", "not", "in", "if", "matches", "forall", "_", *CONSTANTS})


def spell_out(body: Sequence[Token]) -> Iterator[Edit]:
    """Yield the edits of a rule's body."""
    yield from _operands(body, 0, len(body))


def _operands(body: Sequence[Token], start: int, end: int) -> Iterator[Edit]:
    """Look at each operand of `and`, `or` and `not` between `start` and `end`."""
    begin = position = start
    while position <= end:
        if position == end or body[position].text in {"and", "or", "not", ","}:
            yield from _operand(body, begin, position)
            begin = position + 1
            position += 1
        elif body[position].text in {"(", "[", "{"}:
            position = closing(body, position) + 1
        else:
            position += 1


def _operand(body: Sequence[Token], start: int, end: int) -> Iterator[Edit]:
    if start >= end:
        return
    first = body[start]
    if first.text == "(" and closing(body, start) == end - 1:
        yield from _operands(body, start + 1, end - 1)
    elif first.text == "forall":
        yield from _operands(body, start + 2, end - 1)
    elif _is_chain(body, start, end) and first.text not in {"true", "false"}:
        yield body[end - 1].end, body[end - 1].end, " = true"
    else:
        yield from _comparison(body, start, end)


def _comparison(body: Sequence[Token], start: int, end: int) -> Iterator[Edit]:
    for token in body[start:end]:
        if token.text == "==":
            yield token.start, token.end, "="
        elif token.text == "!=":
            yield body[start].start, body[start].start, "(not ("
            yield token.start, token.end, "="
            yield body[end - 1].end, body[end - 1].end, "))"


def _is_chain(body: Sequence[Token], start: int, end: int) -> bool:
    """Tell whether the tokens are a variable, or members of one: `a`, `a.b`, `a.b(c).d`."""
    if body[start].kind != "word":
        return False
    position = start + 1
    while position < end:
        if body[position].text != "." or position + 1 >= end:
            return False
        position += 2
        if position < end and body[position].text == "(":
            position = closing(body, position) + 1
    return True


def guard(rule: Rule) -> Iterator[Edit]:
    """Yield the edits after which nothing in a rule takes two absent values for equal.

    Oso takes two terms that are written alike for equal before it looks at what their variables
    hold: ``[x] = [x]``, or one entity with itself. So where two variables, lists or dictionaries
    are compared, one side is written out anew (`RENEWED`). And it matches a pattern without a type
    with anything, so that such a pattern asks for a value first (`PRESENT`).
    """
    for tokens in (*rule.parameters, rule.body):
        yield from _patterns(tokens)
    known = {token.text for each in rule.parameters for token in each if token.kind == "word"}
    present = frozenset(
        each[0].text
        for each in rule.parameters
        if [token.kind for token in each[:3]] == ["word", "mark", "word"] and each[1].text == ":"
    )
    for position, token in enumerate(rule.body):
        if token.text in {"=", "==", "!=", "in", "matches"}:
            yield from _renewed(rule.body, position, known, present)
        if _is_variable(rule.body, position):
            known.add(token.text)


def _patterns(tokens: Tokens) -> Iterator[Edit]:
    """Have patterns and dictionaries without a type say that they are for what is present."""
    for position, token in enumerate(tokens):
        before = tokens[position - 1] if position else None
        typed = before is not None and before.kind == "word" and before.text not in _WORDS
        if token.text == "{" and not typed:
            more = "" if tokens[position + 1].text == "}" else ", "
            yield token.end, token.end, f"{PRESENT}: true{more}"


def _renewed(
    body: Tokens, position: int, known: Collection[str], present: Collection[str]
) -> Iterator[Edit]:
    """Have one side of a comparison written out anew, where both may be alike in Oso's eyes."""
    left, right = (tuple(operand(body, position, step)) for step in (-1, +1))
    sides = (left, right) if body[position].text in {"=", "==", "!="} else (left,)
    if not all(_is_compound(side) for side in sides):
        return
    # What has a type is present, and a variable that nothing was found for takes the other side.
    if any(len(side) == 1 and side[0].text in present for side in sides):
        return
    found = [all(name in known for name in _variables(side)) for side in sides]
    if any(len(side) == 1 and not is_known for side, is_known in zip(sides, found, strict=True)):
        return
    side = sides[found.index(True)] if True in found else left
    yield side[0].start, side[0].start, f"{ASKER}.{RENEWED}("
    yield side[-1].end, side[-1].end, ")"


def _is_compound(side: Tokens) -> bool:
    """Tell whether a side is a variable, a list or a dictionary: what can hold absent values."""
    if len(side) == 1:
        return side[0].kind == "word" and side[0].text not in _WORDS
    opens = bool(side) and side[0].text in {"[", "{"}
    return opens and closing(side, 0) == len(side) - 1


def _variables(side: Tokens) -> Iterator[str]:
    return (side[at].text for at in range(len(side)) if _is_variable(side, at))


def _is_variable(tokens: Tokens, position: int) -> bool:
    token = tokens[position]
    before = tokens[position - 1].text if position else ""
    after = tokens[position + 1].text if position + 1 < len(tokens) else ""
    return (
        token.kind == "word"
        and before != "."
        and after not in {"(", ":", "{"}
        and token.text not in _WORDS
    )
