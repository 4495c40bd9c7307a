"""The layout of heads, conditions and lists: documents of rows of words.

Brackets and commas divide a group that does not fit into a line; a condition has a line for each
part that `and` or `or` joins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sidecar.polar.layout.documents import (
    Blank,
    Break,
    Document,
    Fill,
    Group,
    LineEnd,
    Nest,
    TrailingComma,
)
from sidecar.polar.layout.words import Word
from sidecar.polar.statements import CLOSING

Words = Sequence[Word]

_OPENING = frozenset(CLOSING)
_CLOSERS = frozenset(CLOSING.values())
_NO_BLANK_BEFORE = frozenset({"COMMA", "SEMICOLON", "COLON", "DOT", *_CLOSERS})
_NO_BLANK_AFTER = frozenset({"DOT", *_OPENING})
_CALLED = frozenset({"SYMBOL", "DEBUG", "PRINT", "FORALL"})
"""Types of words whose arguments follow without a blank."""
_SIGNS = frozenset({"PLUS", "MINUS", "STAR"})
_ENDS_OPERAND = frozenset(
    {"SYMBOL", "SIGNLESS", "STRING", "TRUE", "FALSE", "INF", "NAN", "CUT", *_CLOSERS}
)
"""Types of words after which a sign stands between two operands."""


def layout_condition(words: Words) -> list[Document]:
    """Return the layout of the condition of a rule: a line for each part that is joined."""
    return _junction(words, LineEnd())


def layout(words: Words) -> list[Document]:
    """Return the layout of words in which nothing is joined outside of brackets."""
    documents: list[Document] = []
    place = 0
    while place < len(words):
        if place and _has_blank(words, place):
            documents.append(Blank())
        if words[place].kind in _OPENING:
            end = _closing(words, place)
            documents.append(_bracketed(words[place : end + 1]))
            place = end
        else:
            documents.append(words[place])
        place += 1
    return documents


def _junction(words: Words, between: Document) -> list[Document]:
    """Return the layout of a condition, with a document after each `and` or `or`."""
    parts = _divide(words, "OR")
    inner: Callable[[Words], list[Document]] = layout
    if len(parts) > 1:
        inner = _joined_inside
    else:
        parts = _divide(words, "AND")
    documents: list[Document] = []
    for place, part in enumerate(parts):
        if place:
            documents.append(between)
        word = part[-1] if part[-1].kind in {"AND", "OR"} and place < len(parts) - 1 else None
        documents += inner(part[:-1] if word else part)
        if word:
            documents += [Blank(), word]
    return documents


def _joined_inside(words: Words) -> list[Document]:
    """Return the layout of conditions with `and` between them, beside others with `or`."""
    if len(_divide(words, "AND")) == 1:
        return layout(words)
    first, *rest = _junction(words, Break(" "))
    return [Group((first, Nest(tuple(rest))))]


def _bracketed(words: Words) -> Group:
    opening, *inside, closing = words
    if not inside:
        return Group((opening, closing))
    items = [item for item in _divide(inside, "COMMA") if item[0].kind != "COMMA"]
    comma: tuple[Document, ...] = ()
    if opening.kind != "LPAR" and items[-1][0].kind != "STAR":  # which take no comma at the end
        comma = (TrailingComma(),)
        items[-1] = _without_comma(items[-1])
    is_list = opening.kind == "LSQB"
    content = _fill(items) if is_list else Group(tuple(_one_for_each_line(items)))
    return Group((opening, Nest((Break(), content, *comma)), Break(), closing))


def _without_comma(words: Words) -> Words:
    """Return an item without the comma after it, whose comment it keeps."""
    if words[-1].kind != "COMMA":
        return words
    *kept, last, comma = words
    return [*kept, replace(last, comment=comma.comment)]


def _fill(items: Sequence[Words]) -> Fill:
    ends = [item[-1].line for item in items]
    begins = [item[0].line != end for item, end in zip(items[1:], ends, strict=False)]
    return Fill(tuple(Group(tuple(_item(item))) for item in items), (False, *begins))


def _one_for_each_line(items: Sequence[Words]) -> Iterator[Document]:
    for place, item in enumerate(items):
        if place:
            yield Break(" ")
        yield from _item(item)


def _item(words: Words) -> list[Document]:
    """Return the layout of an item of a list, with its comma."""
    comma = [words[-1]] if words[-1].kind == "COMMA" else []
    return [*_junction(words[: len(words) - len(comma)], Break(" ")), *comma]


def _divide(words: Words, kind: str) -> list[Words]:
    """Divide words after each one of a kind outside of brackets."""
    parts: list[Words] = []
    begin = depth = 0
    for place, word in enumerate(words):
        depth += (word.kind in _OPENING) - (word.kind in _CLOSERS)
        if depth == 0 and word.kind == kind and not _is_member(words, place):
            parts.append(words[begin : place + 1])
            begin = place + 1
    return [*parts, words[begin:]] if begin < len(words) else parts


def _is_member(words: Words, place: int) -> bool:
    """Tell whether a word names a member or a key, whatever else it means."""
    after = words[place + 1].kind if place + 1 < len(words) else ""
    return (place > 0 and words[place - 1].kind == "DOT") or after == "COLON"


def _closing(words: Words, opening: int) -> int:
    depth = 0
    for place in range(opening, len(words)):
        depth += (words[place].kind in _OPENING) - (words[place].kind in _CLOSERS)
        if depth == 0:
            return place
    return len(words) - 1


def _has_blank(words: Words, place: int) -> bool:
    """Tell whether a blank stands before a word."""
    before, word = words[place - 1], words[place]
    if word.kind == "DOT":
        return before.kind == "SIGNLESS"  # `1.` would be a number
    if word.kind in _NO_BLANK_BEFORE or before.kind in _NO_BLANK_AFTER:
        return False
    if word.kind == "LPAR":
        return before.kind not in _CALLED and not _is_member(words, place - 1)
    if word.kind == "LBRACE":
        return before.kind != "SYMBOL"
    is_unary = place == 1 or words[place - 2].kind not in _ENDS_OPERAND
    return not (before.kind in _SIGNS and is_unary)
