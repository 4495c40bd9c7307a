"""Lark's trees of terms into ours, with the checks that Oso makes while it parses.

Oso tells values from conditions as it parses: `x in y > 0` and `x and 1` are refused. In a pattern
everything that is no operation is a value, `true` and variables among it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Literal as OneOf
from typing import cast

from lark import Token, Tree

from sidecar.polar.ast import (
    Binary,
    Builtin,
    Call,
    Dictionary,
    Entry,
    Group,
    Instance,
    Items,
    Junction,
    Literal,
    Member,
    Name,
    New,
    Not,
    Rest,
    Term,
    Variable,
)
from sidecar.polar.positions import Branch, Misplaced, branches_of, name_of, span_of

Side = OneOf["term", "pattern"]
_LARGEST = 2**63 - 1
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_ARITHMETIC = frozenset("+-*/") | {"mod", "rem"}


class _Kind(Enum):
    VALUE = auto()
    CONDITION = auto()
    EITHER = auto()


def plant_term(tree: Branch, side: Side = "term") -> Term:
    """Make any term."""
    return _TERMS[tree.data](tree, side)


def plant_value(tree: Branch, side: Side = "term") -> Term:
    """Make a term where Oso wants a value.

    Raises:
        Misplaced: Where it is a condition.
    """
    found = plant_term(tree, side)
    if _kind(found, side) is _Kind.CONDITION:
        raise Misplaced(found.span, "a condition stands where a value must; compare two values")
    return found


def _condition(tree: Branch, side: Side = "term") -> Term:
    found = plant_term(tree, side)
    if _kind(found, side) is _Kind.VALUE:
        raise Misplaced(found.span, "a value stands where a condition must; compare it with one")
    return found


def plant_pattern(tree: Branch) -> Term:
    """Make what stands after `matches` or a parameter's colon: there a variable names a type."""
    found = plant_term(tree, "pattern")
    if isinstance(found, Variable):
        return Instance(found.span, Name(found.span, found.name), None)
    return found


def _kind(term: Term, side: Side) -> _Kind:
    while isinstance(term, Group):
        term = term.inner
    if isinstance(term, Member):
        return _Kind.EITHER
    if isinstance(term, Binary):
        return _Kind.VALUE if term.operator.text in _ARITHMETIC else _Kind.CONDITION
    if isinstance(term, Not | Junction | Call | Builtin):
        return _Kind.CONDITION
    if isinstance(term, Variable) or (isinstance(term, Literal) and isinstance(term.value, bool)):
        return _Kind.VALUE if side == "pattern" else _Kind.EITHER
    return _Kind.VALUE


def _number(tree: Branch, _side: Side) -> Literal:
    span, digits = span_of(tree), str(tree.children[-1])
    minus = len(tree.children) > 1 and tree.children[0] == "-"
    try:
        value: int | float = int(digits) if digits.isdigit() else float(digits)
    except ValueError:
        raise Misplaced(span, f"`{digits}` is no number") from None
    if isinstance(value, int) and value > _LARGEST:
        raise Misplaced(span, f"`{digits}` is too large; the largest is {_LARGEST}")
    return Literal(span, -value if minus else value)


def plant_text(tree: Branch, _side: Side = "term") -> Literal:
    """Make a text with its escapes read."""
    written = str(tree.children[0])[1:-1]
    read = re.sub(r"\\([\s\S])", lambda found: _ESCAPES.get(found[1], found[1]), written)
    return Literal(span_of(tree), read)


def _boolean(tree: Branch, _side: Side) -> Literal:
    return Literal(span_of(tree), tree.children[0] == "true")


def _variable(tree: Branch, _side: Side = "term") -> Variable:
    return Variable(span_of(tree), str(tree.children[0]))


def _instance(tree: Branch, _side: Side) -> Instance:
    (entries,) = branches_of(tree)
    return Instance(span_of(tree), name_of(tree.children[0]), plant_dictionary(entries, "pattern"))


def _braces(tree: Branch, side: Side) -> Dictionary:
    return plant_dictionary(branches_of(tree)[0], side)


def plant_dictionary(tree: Branch, side: Side) -> Dictionary:
    """Make what stands in braces."""
    return Dictionary(span_of(tree), _entries(branches_of(tree), side))


def _entries(trees: Iterable[Branch], side: Side) -> tuple[Entry, ...]:
    entries = []
    seen = set()
    for tree in trees:
        if tree.data == "short_field":
            variable = _variable(branches_of(tree)[0])
            entry = Entry(span_of(tree), Name(variable.span, variable.name), variable)
        else:
            key, value = tree.children
            entry = Entry(span_of(tree), name_of(key), plant_value(cast("Branch", value), side))
        if entry.key.text in seen:
            raise Misplaced(entry.span, f"the key `{entry.key.text}` stands here twice")
        seen.add(entry.key.text)
        entries.append(entry)
    return tuple(entries)


def _list(tree: Branch, side: Side) -> Items:
    return Items(
        span_of(tree),
        tuple(
            Rest(span_of(part), name_of(part.children[1]))
            if part.data == "rest"
            else plant_value(part, side)
            for part in branches_of(tree)
        ),
    )


def _call(tree: Branch, _side: Side = "term") -> Call:
    name, *arguments = tree.children
    trees = [part for part in arguments if isinstance(part, Tree)]
    return Call(
        span_of(tree),
        name_of(name),
        tuple(plant_value(part) for part in trees if part.data != "named"),
        _entries((part for part in trees if part.data == "named"), "term"),
    )


def _made(tree: Branch, _side: Side) -> New:
    return New(span_of(tree), _call(branches_of(tree)[0]))


def _builtin(tree: Branch, _side: Side) -> Builtin:
    word = name_of(tree.children[0])
    made = _condition if word.text == "forall" else plant_value
    return Builtin(span_of(tree), word, tuple(made(part) for part in branches_of(tree)))


def _rewritten(tree: Branch, _side: Side) -> Builtin:
    arguments = tuple(plant_term(part) for part in branches_of(tree))
    return Builtin(span_of(tree), name_of(tree.children[0]), arguments)


def _member(tree: Branch, side: Side) -> Member:
    head, written = tree.children
    member: Name | Call | Variable | Literal
    if isinstance(written, Token) or written.data == "reserved":
        member = name_of(written)
    elif written.data == "call":
        member = _call(written)
    else:
        member = _variable(written) if written.data == "variable" else plant_text(written)
    return Member(span_of(tree), plant_value(cast("Branch", head), side), member)


def _binary(tree: Branch, side: Side) -> Binary:
    left, operator, right = tree.children
    return Binary(
        span_of(tree),
        plant_value(cast("Branch", left), side),
        name_of(operator),
        plant_value(cast("Branch", right), side),
    )


def _matching(tree: Branch, side: Side) -> Binary:
    left, operator, right = tree.children
    value = plant_value(cast("Branch", left), side)
    return Binary(span_of(tree), value, name_of(operator), plant_pattern(cast("Branch", right)))


def _negated(tree: Branch, side: Side) -> Not:
    return Not(span_of(tree), _condition(branches_of(tree)[0], side))


def _junction(tree: Branch, side: Side) -> Junction:
    words = tuple(name_of(child) for child in tree.children if isinstance(child, Token))
    return Junction(
        span_of(tree),
        "or" if words[0].text == "or" else "and",
        tuple(_condition(part, side) for part in branches_of(tree)),
        words,
    )


def _group(tree: Branch, side: Side) -> Group:
    return Group(span_of(tree), plant_term(branches_of(tree)[0], side))


_TERMS: dict[str, Callable[[Branch, Side], Term]] = {
    "number": _number,
    "string": plant_text,
    "boolean": _boolean,
    "variable": _variable,
    "dictionary": _braces,
    "instance": _instance,
    "list": _list,
    "call": _call,
    "made": _made,
    "builtin": _builtin,
    "rewritten": _rewritten,
    "member": _member,
    "binary": _binary,
    "matching": _matching,
    "negated": _negated,
    "junction": _junction,
    "group": _group,
}
