"""The canonical layout of a Polar file.

A layout changes blanks, line ends and commas at the end of lists, and nothing else: that the syntax
tree and the comments are the same is checked of every text before it is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import zip_longest

from sidecar.errors import InvalidPackError, Problem
from sidecar.polar.ast import Node, Span, children, walk
from sidecar.polar.layout.columns import BlockLine, find_columns
from sidecar.polar.layout.documents import INDENT, Blank, Group, LineEnd, Nest, Page
from sidecar.polar.layout.expressions import layout, layout_condition
from sidecar.polar.layout.words import Word, comments_of, read_words
from sidecar.polar.parser import parse, tokenize
from sidecar.polar.source import read_source
from sidecar.polar.statements import divide


def format_polar(text: str, file: str) -> str:
    """Return a text of Polar in the canonical layout, with line feeds alone.

    Args:
        text: Of the whole file.
        file: Its name, for faults.

    Raises:
        InvalidPackError: The text has faults, or its layout would have another meaning.
    """
    text = text.removeprefix("\ufeff")
    _, problems = read_source(file, text)
    if problems:
        raise InvalidPackError(problems)
    formatted = _layout(text)
    if not _is_same(text, formatted, file):
        message = "no layout keeps its meaning and its comments; it is left as it is"
        raise InvalidPackError([Problem(file, 0, message)])
    return formatted


def _layout(text: str) -> str:
    tokens = tokenize(text)
    words, last = read_words(text, tokens)
    page = Page()
    begin, was_block = 0, False
    while begin < len(words):
        statement = divide(tokens, begin)
        end = begin + len(statement.tokens)
        is_block = statement.is_block and _has_lines(words[begin:end])
        if is_block or was_block:
            page.blank_line()
        page.begin(words[begin], 0)
        words[begin] = replace(words[begin], above=[])
        write = _write_block if statement.is_block else _write_rule
        write(page, words[begin:end])
        begin, was_block = end, is_block
    page.write_comments(last, 0)
    return page.text()


def _has_lines(block: Sequence[Word]) -> bool:
    inside = block[_opening(block) + 1 :]
    return len(inside) > 1 or bool(inside[0].above)


def _write_rule(page: Page, words: Sequence[Word]) -> None:
    """Write a rule: its head, and each part of its condition on a line of its own."""
    *rule, semicolon = words
    place = _condition(rule)
    head = Group(tuple(layout(rule[:place])))
    if place == len(rule):
        page.write([head, semicolon], 0)
    else:
        condition = (LineEnd(), *layout_condition(rule[place + 1 :]), semicolon)
        page.write([head, Blank(), rule[place], Nest(condition)], 0)
    page.end_line()


def _condition(rule: Sequence[Word]) -> int:
    """Return the place of the `if` of a rule, its length for a fact."""
    depth = 0
    for place, word in enumerate(rule):
        depth += (word.kind == "LPAR") - (word.kind == "RPAR")
        if depth == 0 and word.kind == "IF":
            return place
    return len(rule)


def _write_block(page: Page, words: Sequence[Word]) -> None:
    """Write a block: its lines, and the rules of a role matrix in columns."""
    opening = _opening(words)
    *lines, closing = words[opening + 1 :]
    page.write([*layout(words[:opening]), Blank(), words[opening]], 0)
    if not _has_lines(words):
        page.write([closing], 0)
        page.end_line()
        return
    page.end_line()
    _drop_blank_line(words[opening + 1])
    paragraphs = _paragraphs(lines)
    columns, belongs = find_columns(paragraphs)
    for paragraph, is_matrix in zip(paragraphs, belongs, strict=True):
        if columns is not None and is_matrix:
            for row in columns.rows(paragraph):
                columns.write(page, row)
            continue
        for line in paragraph:
            page.begin(line.first, INDENT)
            page.write([line.document()], INDENT)
            page.end_line()
    page.write_comments(closing.above, INDENT)
    page.write([replace(closing, above=[])], 0)
    page.end_line()


def _drop_blank_line(first: Word) -> None:
    """Let the lines of a block begin right after its bracket."""
    if first.above:
        first.above[0] = replace(first.above[0], after_blank=False)
    else:
        first.after_blank = False


def _opening(block: Sequence[Word]) -> int:
    return next(place for place, word in enumerate(block) if word.kind == "LBRACE")


def _paragraphs(words: Sequence[Word]) -> list[list[BlockLine]]:
    """Divide the lines of a block at the blank lines, and declarations from rules."""
    paragraphs: list[list[BlockLine]] = []
    begin = ended = 0
    for place, word in enumerate(words):
        if word.kind == "SEMICOLON":
            line = BlockLine(tuple(words[begin : place + 1]), words[begin].line != ended)
            before = paragraphs[-1][-1] if paragraphs else None
            if before is None or line.begins_paragraph or line.is_rule != before.is_rule:
                paragraphs.append([])
            paragraphs[-1].append(line)
            begin, ended = place + 1, word.line
    return paragraphs


def _is_same(text: str, formatted: str, file: str) -> bool:
    """Tell whether two texts have the same syntax tree, apart from places, and comments."""
    try:
        trees = [walk(parse(each, file)) for each in (text, formatted)]
    except InvalidPackError:
        return False
    pairs = zip_longest(*trees)
    return all(_shape(first) == _shape(second) for first, second in pairs) and (
        _comments(text) == _comments(formatted)
    )


def _shape(node: Node | None) -> tuple[object, ...]:
    """Return what a node is: its type, its own values, and how many nodes are below it."""
    if node is None:
        return ()
    values = (getattr(node, each.name) for each in fields(node))
    own = [repr(value) for value in values if not isinstance(value, Span | Node | tuple)]
    return (type(node), own, len(children(node)))


def _comments(text: str) -> list[list[str]]:
    """Return the words of each comment: the headings of columns move with them."""
    return [comment.split() for comment in comments_of(*read_words(text, tokenize(text)))]
