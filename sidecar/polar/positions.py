"""Where Lark found things, and what Oso refuses there beyond a grammar."""

from __future__ import annotations

from typing import cast

from lark import Token, Tree

from sidecar.polar.ast import Name, Span

Branch = Tree[Token]


class Misplaced(Exception):  # noqa: N818 - `parse` turns it into a problem
    """What the grammar allows and Oso's parser refuses all the same."""

    def __init__(self, span: Span, message: str) -> None:
        self.line = span.line
        super().__init__(message)


def branches_of(tree: Branch) -> list[Branch]:
    """Return what is below and no token."""
    return [child for child in tree.children if isinstance(child, Tree)]


def span_of(tree: Branch) -> Span:
    """Return the place of a tree's text."""
    meta = tree.meta
    return Span(meta.start_pos, meta.end_pos, meta.line, meta.column)


def name_of(child: Branch | Token) -> Name:
    """Make a name of a token, or of a word of the language that stands as one."""
    token = child if isinstance(child, Token) else cast("Token", child.children[0])
    start, end = cast("int", token.start_pos), cast("int", token.end_pos)
    return Name(Span(start, end, cast("int", token.line), cast("int", token.column)), str(token))
