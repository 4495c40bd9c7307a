"""Builds syntax trees as lark reduces the rules of the grammar, each from its parts.

Also makes the checks that Oso's parser makes and a grammar cannot: Oso tells values from conditions
as it parses, so that `x in y > 0` and `x and 1` are syntax errors.
"""

# ruff: noqa: D102 - each method of `Builder` makes the node of the rule that it is named after

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any

from lark import Token

from sidecar.polar.ast import (
    Binary,
    Block,
    Builtin,
    Call,
    Declaration,
    Dictionary,
    Entry,
    Group,
    Head,
    InlineQuery,
    Instance,
    Items,
    Junction,
    Literal,
    Member,
    Name,
    New,
    Node,
    Not,
    Parameter,
    Rest,
    Rule,
    RuleType,
    ShorthandRule,
    Span,
    Term,
    Variable,
)

Parts = list[Any]
"""What a rule of the grammar consists of: tokens, and the nodes that were built of its parts."""

LARGEST_INTEGER = 2**63 - 1
"""Oso's integers have 64 bits."""
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
"""What the character after a backslash stands for; every other character stands for itself."""
_ARITHMETIC = frozenset({"+", "-", "*", "/", "mod", "rem"})


class MisplacedError(Exception):
    """Text that fits the grammar and that Oso's parser refuses all the same."""

    def __init__(self, span: Span, message: str) -> None:
        self.span = span
        super().__init__(message)


class _Kind(Enum):
    VALUE = auto()
    CONDITION = auto()
    EITHER = auto()


class Builder:
    """Has a method for each rule of the grammar that makes a node; lark calls it by its name.

    Raises:
        MisplacedError: In any of them, where Oso's parser refuses the text.
    """

    def rule(self, parts: Parts) -> Rule:
        body = parts[2] if len(parts) > 2 else None  # noqa: PLR2004 - head, `if`, body, `;`
        return Rule(_span(parts), parts[0], body)

    def rule_type(self, parts: Parts) -> RuleType:
        return RuleType(_span(parts), parts[1])

    def query(self, parts: Parts) -> InlineQuery:
        return InlineQuery(_span(parts), parts[1])

    def head(self, parts: Parts) -> Head:
        return Head(_span(parts), _name(parts[0]), tuple(_nodes(parts)))

    def parameter(self, parts: Parts) -> Parameter:
        specializer = _pattern(parts[2]) if len(parts) > 1 else None
        return Parameter(_span(parts), _value(parts[0]), specializer)

    def block(self, parts: Parts) -> Block:
        *keywords, named = (_name(part) for part in parts if _is_symbol(part))
        lines = _nodes(parts)
        return Block(
            _span(parts),
            keywords[0] if keywords else None,
            named,
            _inside(parts[len(keywords) + 1], parts[-1]),
            tuple(line for line in lines if isinstance(line, Declaration)),
            tuple(line for line in lines if isinstance(line, ShorthandRule)),
        )

    def declaration(self, parts: Parts) -> Declaration:
        return Declaration(_span(parts), _name(parts[0]), parts[2])

    def shorthand(self, parts: Parts) -> ShorthandRule:
        head, implier, *relation = _nodes(parts)
        keywords = [_name(part) for part in parts if _is_symbol(part)]
        return ShorthandRule(
            _span(parts),
            head,
            implier,
            keywords[0] if keywords else None,
            relation[0] if relation else None,
        )

    def strings(self, parts: Parts) -> Items:
        return Items(_span(parts), tuple(_nodes(parts)))

    def junction(self, parts: Parts) -> Junction:
        words = tuple(_name(part) for part in parts[1::2])
        return Junction(
            _span(parts),
            "or" if words[0].text == "or" else "and",
            tuple(_condition(part) for part in parts[::2]),
            words,
        )

    def negated(self, parts: Parts) -> Not:
        return Not(_span(parts), _condition(parts[1]))

    def binary(self, parts: Parts) -> Binary:
        left, operator, right = parts
        return Binary(_span(parts), _value(left), _name(operator), _value(right))

    def matching(self, parts: Parts) -> Binary:
        left, operator, right = parts
        return Binary(_span(parts), _value(left), _name(operator), _pattern(right))

    def member(self, parts: Parts) -> Member:
        head, _, member, *more = parts
        if isinstance(member, Token):
            member = more[0] if more else _name(member)
        return Member(_span(parts), _value(head), member)

    def group(self, parts: Parts) -> Group:
        return Group(_span(parts), parts[1])

    def number(self, parts: Parts) -> Literal:
        span, digits = _span(parts), str(parts[-1])
        try:
            value: int | float = int(digits) if digits.isdigit() else float(digits)
        except ValueError:
            raise MisplacedError(span, f"`{digits}` is no number") from None
        if isinstance(value, int) and value > LARGEST_INTEGER:
            message = f"`{digits}` does not fit into 64 bits; write a smaller number"
            raise MisplacedError(span, message)
        return Literal(span, -value if parts[0] == "-" else value)

    def string(self, parts: Parts) -> Literal:
        return Literal(_span(parts), read_string(parts[0]))

    def boolean(self, parts: Parts) -> Literal:
        return Literal(_span(parts), parts[0] == "true")

    def variable(self, parts: Parts) -> Variable:
        return Variable(_span(parts), str(parts[0]))

    def rest(self, parts: Parts) -> Rest:
        return Rest(_span(parts), _name(parts[1]))

    def reserved(self, parts: Parts) -> Name:
        return _name(parts[0])

    def object(self, parts: Parts) -> Dictionary:
        return Dictionary(_span(parts), _entries(_nodes(parts)))

    def field(self, parts: Parts) -> Entry:
        return Entry(_span(parts), _name(parts[0]), _value(parts[2]))

    named = field

    def short_field(self, parts: Parts) -> Entry:
        (variable,) = parts
        return Entry(variable.span, Name(variable.span, variable.name), variable)

    def instance(self, parts: Parts) -> Instance:
        return Instance(_span(parts), _name(parts[0]), parts[1])

    def list(self, parts: Parts) -> Items:
        return Items(_span(parts), tuple(_value(part) for part in _nodes(parts)))

    def call(self, parts: Parts) -> Call:
        arguments = _nodes(parts[1:])
        return Call(
            _span(parts),
            _name(parts[0]),
            tuple(_value(each) for each in arguments if not isinstance(each, Entry)),
            _entries(each for each in arguments if isinstance(each, Entry)),
        )

    def made(self, parts: Parts) -> New:
        return New(_span(parts), parts[1])

    def builtin(self, parts: Parts) -> Builtin:
        word = _name(parts[0])
        checked = _condition if word.text == "forall" else _value
        return Builtin(_span(parts), word, tuple(checked(part) for part in _nodes(parts)))

    def rewritten(self, parts: Parts) -> Builtin:
        return Builtin(_span(parts), _name(parts[0]), tuple(_nodes(parts)))


def read_string(written: str) -> str:
    """Return the text that a string in quotes stands for."""
    return re.sub(r"\\([\s\S])", lambda match: ESCAPES.get(match[1], match[1]), written[1:-1])


def span_of_token(token: Token) -> Span:
    """Return the place of a token."""
    return Span(token.start_pos or 0, token.end_pos or 0, token.line or 0, token.column or 0)


def _span(parts: Sequence[Token | Node]) -> Span:
    first, last = parts[0], parts[-1]
    start = span_of_token(first) if isinstance(first, Token) else first.span
    end = last.end_pos or 0 if isinstance(last, Token) else last.span.end
    return Span(start.start, end, start.line, start.column)


def _inside(opening: Token, closing: Token) -> Span:
    """Return what stands between two brackets."""
    start = span_of_token(opening)
    return Span(start.end, closing.start_pos or 0, start.line, start.column + 1)


def _name(part: Token | Name) -> Name:
    return part if isinstance(part, Name) else Name(span_of_token(part), str(part))


def _nodes(parts: Iterable[Any]) -> list[Any]:
    return [part for part in parts if isinstance(part, Node)]


def _is_symbol(part: object) -> bool:
    return isinstance(part, Token) and part.type == "SYMBOL"


def _value(term: Term) -> Term:
    if isinstance(term, Builtin) and term.word.text == ".":
        message = "`.(` is not supported: write the name of the member after the dot"
        raise MisplacedError(term.span, message)
    if isinstance(term, Builtin) and not term.arguments:
        raise MisplacedError(term.span, f"`{term.word.text}` is a word of Polar; take another name")
    if _kind(term) is _Kind.CONDITION:
        message = "a condition stands where a value must; compare two values at a time"
        raise MisplacedError(term.span, message)
    return term


def _condition(term: Term) -> Term:
    if _kind(term) is _Kind.VALUE:
        message = "a value stands where a condition must; compare it with one"
        raise MisplacedError(term.span, message)
    return term


def _kind(term: Term) -> _Kind:
    while isinstance(term, Group):
        term = term.inner
    if isinstance(term, Member | Variable):
        return _Kind.EITHER
    if isinstance(term, Binary):
        return _Kind.VALUE if term.operator.text in _ARITHMETIC else _Kind.CONDITION
    if isinstance(term, Not | Junction | Call | Builtin):
        return _Kind.CONDITION
    if isinstance(term, Literal) and isinstance(term.value, bool):
        return _Kind.EITHER
    return _Kind.VALUE


def _pattern(term: Term) -> Term:
    """Return a pattern; a word after `matches` or a parameter's colon names a type."""
    if isinstance(term, Variable):
        return Instance(term.span, Name(term.span, term.name), None)
    return term


def _entries(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    kept: dict[str, Entry] = {}
    for entry in entries:
        if entry.key.text in kept:
            raise MisplacedError(entry.span, f"the key `{entry.key.text}` stands here twice")
        kept[entry.key.text] = entry
    return tuple(kept.values())
