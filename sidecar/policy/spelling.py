"""Spells conditions out as Oso can answer them exactly, before it is given them.

`document.public` becomes `document.public = true`: Oso takes no object of ours for a truth.
`a == b` becomes `a = b`, and `a != b` becomes `(not (a = b))`: Oso compares values of its own kinds
itself there, and takes `true == 1` for true, where `=` always comes to us.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.policy.source import closing
from sidecar.policy.tokens import Token

Edit = tuple[int, int, str]
"""Where to begin and end in the text, and what to put there."""


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
