"""The slips that can be made in one rule, or in one block."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sidecar.polar.ast import (
    Binary,
    Block,
    Builtin,
    Call,
    Entry,
    Group,
    Instance,
    Items,
    Junction,
    Literal,
    Member,
    Name,
    Node,
    Not,
    Parameter,
    Rule,
    Span,
    Term,
    walk,
)
from sidecar.review.replacements import CODED, Vocabulary

_BOUNDARIES = {">=": ">", ">": ">=", "<": "<=", "<=": "<"}
_LONGEST = 90


@dataclass(frozen=True, slots=True)
class Edit:
    """What is written in place of a part of a text, and what that does."""

    span: Span
    replacement: str
    sentence: str
    """In the imperative: ``drop the condition `a = b` ``."""


class Slips:
    """Makes the edits of one file."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text = text
        self._vocabulary = vocabulary

    def of_rule(self, rule: Rule) -> Iterator[Edit]:
        """Yield the slips in a rule."""
        yield Edit(rule.span, "", f"delete the rule `{self._shown(rule.head)}`")
        for parameter in rule.head.parameters:
            yield from self._parameter(parameter)
        yield from self._literals(rule)
        if rule.body is None:
            return
        if not isinstance(rule.body, Junction):
            gone = _between(rule.head.span.end, rule.body)
            yield Edit(gone, "", f"drop the condition `{self._shown(rule.body)}`")
        for condition in _conditions(rule.body):
            yield from self._condition(condition)
        for node in walk(rule.body):
            if isinstance(node, Binary):
                yield from self._comparison(node)

    def of_block(self, block: Block) -> Iterator[Edit]:
        """Yield the slips in a block."""
        kind = block.type.text
        for declaration in block.declarations:
            if isinstance(declaration.value, Items):
                what = f"from the {declaration.keyword.text} of `{kind}`"
                yield from self._dropped(declaration.value, what)
        for line in block.rules:
            yield Edit(line.span, "", f"delete the line `{self._shown(line)}` of `{kind}`")
            implied = self._vocabulary.implied(str(line.implier.value))
            yield from self._swapped(line.implier, implied, f"in `{self._shown(line)}`")

    # --- heads -----------------------------------------------------------------------------------

    def _parameter(self, parameter: Parameter) -> Iterator[Edit]:
        pattern = parameter.specializer
        if pattern is None:
            return
        yield Edit(
            parameter.span,
            self._own(parameter.term),
            f"take anything for `{self._shown(parameter)}`",
        )
        if isinstance(pattern, Instance) and pattern.fields is not None:
            plain = f"take any `{pattern.type.text}` for `{self._shown(pattern)}`"
            yield Edit(pattern.span, pattern.type.text, plain)
            entries = pattern.fields.entries
            for at, entry in enumerate(entries if len(entries) > 1 else ()):
                gone = f"drop `{self._shown(entry)}` of `{self._shown(pattern)}`"
                yield Edit(_without(entries, at), "", gone)

    # --- conditions ------------------------------------------------------------------------------

    def _condition(self, condition: Term) -> Iterator[Edit]:
        shown = self._shown(condition)
        if isinstance(condition, Not):
            yield Edit(condition.span, self._own(condition.operand), f"drop the `not` of `{shown}`")
        else:
            own = self._own(condition)
            negated = f"not ({own})" if isinstance(condition, Junction) else f"not {own}"
            yield Edit(condition.span, negated, f"negate the condition `{shown}`")
        if isinstance(condition, Junction):
            other = "or" if condition.word == "and" else "and"
            for at, operand in enumerate(condition.operands):
                dropped = f"drop the condition `{self._shown(operand)}`"
                yield Edit(_without(condition.operands, at), "", dropped)
            for at, word in enumerate(condition.words):
                yield self._turned(condition, at, word.text, other)

    def _turned(self, junction: Junction, at: int, word: str, other: str) -> Edit:
        """Join two neighbours by the other word; in parentheses, without which Oso refuses it."""
        left, right = junction.operands[at : at + 2]
        own = f"({self._own(left)} {other} {self._own(right)})"
        both = Span(left.span.start, right.span.end, left.span.line, left.span.column)
        shown = (
            f"write `{other}` for `{word}` between `{self._shown(left)}` and `{self._shown(right)}`"
        )
        return Edit(both, own, shown)

    def _comparison(self, node: Binary) -> Iterator[Edit]:
        written = node.operator.text
        if written in _BOUNDARIES:
            moved = _BOUNDARIES[written]
            yield Edit(
                node.operator.span,
                moved,
                f"move the boundary of `{self._shown(node)}`: `{moved}` for `{written}`",
            )
        if written == "in" and isinstance(node.right, Items):
            yield from self._dropped(node.right, f"from `{self._shown(node)}`")

    def _dropped(self, items: Items, whence: str) -> Iterator[Edit]:
        for at, item in enumerate(items.items if len(items.items) > 1 else ()):
            yield Edit(_without(items.items, at), "", f"drop `{self._shown(item)}` {whence}")

    # --- literals --------------------------------------------------------------------------------

    def _literals(self, rule: Rule) -> Iterator[Edit]:
        named = {id(literal): others for literal, others in self._named(rule)}
        for node in walk(rule):
            if not isinstance(node, Literal):
                continue
            where = f"in the rule `{self._shown(rule.head)}`"
            if isinstance(node.value, bool):
                other = "false" if node.value else "true"
                yield Edit(node.span, other, f"write `{other}` for `{self._own(node)}` {where}")
            elif isinstance(node.value, str):
                others = named.get(id(node), self._vocabulary.values(node.value))
                yield from self._swapped(node, others, where)
            else:
                yield from self._stepped(node, where)

    def _named(self, rule: Rule) -> Iterator[tuple[Literal, list[str]]]:
        """Yield the texts that are no values of an enum: actions, roles, permissions, codes."""
        vocabulary, head = self._vocabulary, rule.head
        terms = tuple(parameter.term for parameter in head.parameters)
        if head.name.text in CODED and terms and isinstance(terms[-1], Literal):
            yield terms[-1], vocabulary.codes(head.name.text, str(terms[-1].value))
        yield from self._named_in_call(head.name.text, terms)
        for name in _action_names(rule):
            yield name, vocabulary.actions(str(name.value), rule)
        for node in walk(rule.body) if rule.body is not None else ():
            if isinstance(node, Call):
                yield from self._named_in_call(node.name.text, node.arguments)

    def _named_in_call(
        self, rule: str, terms: tuple[Term, ...]
    ) -> Iterator[tuple[Literal, list[str]]]:
        others = {
            "has_role": self._vocabulary.roles,
            "has_permission": self._vocabulary.permissions,
        }
        for term in terms if rule in others else ():
            if isinstance(term, Literal):
                yield term, others[rule](str(term.value))

    def _swapped(self, literal: Literal, others: list[str], where: str) -> Iterator[Edit]:
        for other in others:
            written = json.dumps(other, ensure_ascii=False)
            yield Edit(
                literal.span, written, f"write `{written}` for `{self._own(literal)}` {where}"
            )

    def _stepped(self, literal: Literal, where: str) -> Iterator[Edit]:
        written = self._own(literal).replace(" ", "")
        try:
            value = Decimal(written)
        except ArithmeticError:  # `inf`
            return
        step = Decimal(1).scaleb(min(int(value.as_tuple().exponent), 0))
        for moved in (value - step, value + step):
            yield Edit(literal.span, f"{moved:f}", f"write `{moved:f}` for `{written}` {where}")

    # --- texts -----------------------------------------------------------------------------------

    def _own(self, node: Node) -> str:
        return self._text[node.span.start : node.span.end]

    def _shown(self, node: Node) -> str:
        """Return a node's text in one line, not too long."""
        own = " ".join(self._own(node).split())
        return own if len(own) <= _LONGEST else f"{own[:_LONGEST]}…"


def _conditions(term: Term) -> Iterator[Term]:
    """Yield each condition that a body is made of, the whole first; not what stands under `not`."""
    yield term
    inner = term.inner if isinstance(term, Group) else term
    while isinstance(inner, Not | Group):
        inner = inner.operand if isinstance(inner, Not) else inner.inner
        if isinstance(inner, Junction):
            yield inner
    if isinstance(inner, Junction):
        for operand in inner.operands:
            yield from _conditions(operand)
    if isinstance(inner, Builtin):
        for argument in inner.arguments:
            yield from _conditions(argument)


def _action_names(rule: Rule) -> Iterator[Literal]:
    """Yield the texts that are compared with the name of the action."""
    for node in walk(rule):
        compared: tuple[Node, ...] = ()
        if isinstance(node, Entry) and node.key.text == "name":
            compared = (node.value,)
        elif isinstance(node, Binary) and _names_action(node):
            listed = node.right.items if isinstance(node.right, Items) else ()
            compared = (node.left, node.right, *listed)
        yield from (each for each in compared if isinstance(each, Literal))


def _names_action(node: Binary) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(side, Member) and isinstance(side.member, Name) and side.member.text == "name"
        for side in sides
    )


def _without(nodes: tuple[Node, ...], at: int) -> Span:
    """Return the span of one of several nodes and of what joins it to its neighbour."""
    own = nodes[at].span
    if at:
        before = nodes[at - 1].span
        return Span(before.end, own.end, own.line, own.column)
    return Span(own.start, nodes[1].span.start, own.line, own.column)


def _between(start: int, node: Node) -> Span:
    return Span(start, node.span.end, node.span.line, node.span.column)
