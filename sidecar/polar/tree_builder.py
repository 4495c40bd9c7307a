"""Lark's tree of a file into ours."""

from __future__ import annotations

from lark import Token

from sidecar.polar.ast import (
    Block,
    Declaration,
    Dictionary,
    File,
    Head,
    InlineQuery,
    Items,
    Line,
    Parameter,
    Rule,
    RuleType,
    ShorthandRule,
    Span,
)
from sidecar.polar.positions import Branch, branches_of, name_of, span_of
from sidecar.polar.term_builder import (
    plant_dictionary,
    plant_pattern,
    plant_term,
    plant_text,
    plant_value,
)


def plant(tree: Branch, text: str) -> File:
    """Make our tree of a file.

    Raises:
        Misplaced: For what Oso's parser refuses beyond its grammar.
    """
    return File(Span(0, len(text), 1, 1), tuple(_line(line) for line in branches_of(tree)))


def _line(tree: Branch) -> Line:
    span, parts = span_of(tree), branches_of(tree)
    if tree.data == "block":
        return _block(tree)
    if tree.data == "query":
        return InlineQuery(span, plant_term(parts[0]))
    if tree.data == "rule_type":
        return RuleType(span, _head(parts[0]))
    return Rule(span, _head(parts[0]), plant_term(parts[1]) if len(parts) > 1 else None)


def _head(tree: Branch) -> Head:
    return Head(span_of(tree), name_of(tree.children[0]), tuple(map(_parameter, branches_of(tree))))


def _parameter(tree: Branch) -> Parameter:
    parts = branches_of(tree)
    specializer = plant_pattern(parts[1]) if len(parts) > 1 else None
    return Parameter(span_of(tree), plant_value(parts[0]), specializer)


def _block(tree: Branch) -> Block:
    *keywords, named = [name_of(child) for child in tree.children if isinstance(child, Token)]
    parts = branches_of(tree)
    return Block(
        span_of(tree),
        keywords[0] if keywords else None,
        named,
        tuple(_declaration(part) for part in parts if part.data != "shorthand"),
        tuple(_shorthand(part) for part in parts if part.data == "shorthand"),
    )


def _declaration(tree: Branch) -> Declaration:
    (value,) = branches_of(tree)
    values: Items | Dictionary
    if tree.data == "relations":
        values = plant_dictionary(value, "term")
    else:
        values = Items(span_of(value), tuple(map(plant_text, branches_of(value))))
    return Declaration(span_of(tree), name_of(tree.children[0]), values)


def _shorthand(tree: Branch) -> ShorthandRule:
    words = [name_of(child) for child in tree.children if isinstance(child, Token)]
    head, implier, *relation = map(plant_text, branches_of(tree))
    return ShorthandRule(
        span_of(tree),
        head,
        implier,
        words[0] if words else None,
        relation[0] if relation else None,
    )
