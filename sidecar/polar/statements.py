"""Statements of a Polar file as rows of tokens: where each begins and ends, if it parses or not.

A rule ends at its `;`, a block at the bracket that closes it. The same division serves recovery:
after a syntax error, parsing goes on where another statement certainly begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lark import Token

Tokens = Sequence[Token]

CLOSING = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
"""The types of opening brackets, and of what closes each."""
BLOCK_KEYWORDS = frozenset({"actor", "resource"})
_CLOSERS = frozenset(CLOSING.values())


@dataclass(frozen=True, slots=True)
class Statement:
    """The tokens of one rule or block, `;` or `}` included where it is there."""

    tokens: Tokens
    is_block: bool

    def without_line(self, at: int) -> Statement | None:
        """Return a block without the line in which a token stands, None where that is uncertain."""
        ends = [place for place, token in enumerate(self.tokens) if token.type == "SEMICOLON"]
        begin = max((place + 1 for place in ends if place < at), default=_opening(self.tokens) + 1)
        end = next((place + 1 for place in ends if place >= at), 0)
        if begin < at < end and self._begins_line(begin, at):
            end = at  # the `;` before it is missing
        inside = self.tokens[begin:end]
        if not self.is_block or not inside or any("BRACE" in token.type for token in inside):
            return None
        return Statement((*self.tokens[:begin], *self.tokens[end:]), is_block=True)

    def _begins_line(self, begin: int, at: int) -> bool:
        """Tell whether a token begins a line of the text, and stands outside of all brackets."""
        kinds = [token.type for token in self.tokens[begin:at]]
        is_outside = sum(kind in CLOSING for kind in kinds) == sum(k in _CLOSERS for k in kinds)
        return is_outside and self.tokens[at].line != self.tokens[at - 1].end_line


def divide(tokens: Tokens, start: int) -> Statement:
    """Return the statement that begins at a token."""
    if begins_block(tokens, start):
        return Statement(tokens[start : _end_of_block(tokens, start)], is_block=True)
    end = next(
        (at + 1 for at in range(start, len(tokens)) if tokens[at].type == "SEMICOLON"), len(tokens)
    )
    return Statement(tokens[start:end], is_block=False)


def resume(tokens: Tokens, start: int, at: int) -> int:
    """Return where the next statement begins after a syntax error.

    A `;` inside a line may stand in what was meant as a text or a comment, so that a statement is
    looked for after a `;` that ends its line, or where a head stands at the beginning of a line.

    Args:
        tokens: The file.
        start: Where the faulty statement begins.
        at: Where it failed.
    """
    if at > start and at < len(tokens) and certainly_begins(tokens, at):
        return at
    if begins_block(tokens, start):
        return _end_of_block(tokens, start)
    for place in range(max(at, start + 1), len(tokens)):
        before, token = tokens[place - 1], tokens[place]
        new_line = token.line != before.end_line
        at_margin = token.column == 1 and place > at
        if new_line and (
            before.type == "SEMICOLON" or (at_margin and certainly_begins(tokens, place))
        ):
            return place
    return len(tokens)


def begins_block(tokens: Tokens, at: int) -> bool:
    """Tell whether a block begins at a token, such as `resource Type {`."""
    types = [token.type for token in tokens[at : at + 3]]
    return types == ["SYMBOL", "SYMBOL", "LBRACE"] or types[:2] == ["SYMBOL", "LBRACE"]


def certainly_begins(tokens: Tokens, at: int) -> bool:
    """Tell whether a statement begins at a token that stands where none should begin."""
    return (tokens[at] in BLOCK_KEYWORDS and begins_block(tokens, at)) or is_head(tokens, at)


def is_head(tokens: Tokens, at: int) -> bool:
    """Tell whether only a rule can begin at a token: it has typed parameters, or an `if`."""
    if [token.type for token in tokens[at : at + 2]] != ["SYMBOL", "LPAR"]:
        return False
    end = closing(tokens, at + 1)
    depth = 0
    for place in range(at + 1, end):
        depth += (tokens[place].type in CLOSING) - (tokens[place].type in _CLOSERS)
        if depth == 1 and tokens[place].type == "COLON" and tokens[place - 1].type == "SYMBOL":
            return True
    return end + 1 < len(tokens) and tokens[end + 1].type == "IF"


def closing(tokens: Tokens, opening: int) -> int:
    """Return the place of the bracket that closes another, or of the last token before a `;`."""
    depth = 0
    for at in range(opening, len(tokens)):
        kind = tokens[at].type
        depth += (kind in CLOSING) - (kind in _CLOSERS)
        if depth == 0 or kind == "SEMICOLON":
            return at
    return len(tokens) - 1


def _opening(tokens: Tokens) -> int:
    return next((at for at, token in enumerate(tokens) if token.type == "LBRACE"), 0)


def _end_of_block(tokens: Tokens, start: int) -> int:
    """Return where a block ends; before the next statement where it is not closed."""
    depth = 0
    for at in range(start, len(tokens)):
        kind = tokens[at].type
        if depth and tokens[at - 1].type in {"SEMICOLON", "LBRACE", "RBRACE"}:
            rule = [token.type for token in tokens[at : at + 2]] == ["SYMBOL", "LPAR"]
            if rule or certainly_begins(tokens, at):
                return at
        depth += (kind == "LBRACE") - (kind == "RBRACE")
        if depth == 0 and kind == "RBRACE":
            return at + 1
    return len(tokens)
