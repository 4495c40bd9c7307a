"""Spells conditions out as Oso can answer them exactly, before it is given them.

`document.public` becomes `document.public = true`: Oso takes no object of ours for a truth.
`a == b` becomes `a = b`, and `a != b` becomes `(not (a = b))`: Oso compares values of its own kinds
itself there, and takes `true == 1` for true, where `=` always comes to us.

All is done by edits of the text within its lines, so that every rule stays in its line.
"""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.polar.ast import (
    Binary,
    Builtin,
    Dictionary,
    Group,
    Instance,
    Items,
    Junction,
    Member,
    Node,
    Not,
    Term,
    Variable,
    children,
    type_of,
    walk,
)
from sidecar.polar.source import Edit, Rule
from sidecar.polar.variable_checks import is_variable, named_in_head

ASKER = "ask__"
"""The constant through which generated text asks Python."""
RENEWED = "renewed__"
"""What is called of it to have a value written out anew, so that nothing absent equals itself."""
PRESENT = "present__"
"""A member that is true of all that is present: a pattern with it matches nothing absent."""

_EQUALITIES = frozenset({"=", "==", "!="})


def spell_out(rule: Rule) -> Iterator[Edit]:
    """Yield the edits after which every condition of a rule is one that Oso can answer."""
    waiting = [rule.body] if rule.body is not None else []
    while waiting:
        condition = waiting.pop()
        if isinstance(condition, Junction):
            waiting += condition.operands
        elif isinstance(condition, Not):
            waiting.append(condition.operand)
        elif isinstance(condition, Group):
            waiting.append(condition.inner)
        elif isinstance(condition, Builtin):
            waiting += condition.arguments
        elif isinstance(condition, Member | Variable):
            yield condition.span.end, condition.span.end, " = true"
        elif isinstance(condition, Binary):
            yield from _spell_out_equality(condition)


def _spell_out_equality(condition: Binary) -> Iterator[Edit]:
    operator, span = condition.operator, condition.span
    if operator.text == "==":
        yield operator.span.start, operator.span.end, "="
    elif operator.text == "!=":
        yield span.start, span.start, "(not ("
        yield operator.span.start, operator.span.end, "="
        yield span.end, span.end, "))"


def guard(rule: Rule) -> Iterator[Edit]:
    """Yield the edits after which nothing in a rule takes two absent values for equal.

    Oso takes two terms that are written alike for equal before it looks at what their variables
    hold: ``[x] = [x]``, or one entity with itself. So where two variables, lists or dictionaries
    are compared, one side is written out anew (`RENEWED`). And it matches a pattern without a type
    with anything, so that such a pattern asks for a value first (`PRESENT`).
    """
    yield from _untyped_patterns(rule)
    known = named_in_head(rule)
    present = frozenset(
        each.term.name
        for each in rule.parameters
        if isinstance(each.term, Variable) and type_of(each) is not None
    )
    waiting: list[Node | tuple[Binary]] = [rule.body] if rule.body is not None else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple):  # a comparison, once its left side has been passed
            yield from _renewed(*node, known, present)
        elif isinstance(node, Binary):
            waiting += [node.right, (node,), node.left]
        elif isinstance(node, Variable):
            known.add(node.name)
        else:
            waiting += reversed(children(node))


def _untyped_patterns(rule: Rule) -> Iterator[Edit]:
    """Have patterns and dictionaries without a type say that they are for what is present."""
    nodes = list(walk(rule.node))
    typed = {id(node.fields) for node in nodes if isinstance(node, Instance)}
    for node in nodes:
        if isinstance(node, Dictionary) and id(node) not in typed:
            more = ", " if node.entries else ""
            yield node.span.start + 1, node.span.start + 1, f"{PRESENT}: true{more}"


def _renewed(comparison: Binary, known: set[str], present: frozenset[str]) -> Iterator[Edit]:
    """Have one side of a comparison written out anew, where both may be alike in Oso's eyes."""
    operator = comparison.operator.text
    if operator not in _EQUALITIES | {"in", "matches"}:
        return
    sides = [comparison.left]
    if operator in _EQUALITIES:
        sides.append(comparison.right)
    if not all(_is_compound(side) for side in sides):
        return
    # What has a type is present, and a variable that nothing was found for takes the other side.
    if any(isinstance(side, Variable) and side.name in present for side in sides):
        return
    found = [side for side in sides if _variables(side) <= known]
    if any(isinstance(side, Variable) and side.name not in known for side in sides):
        return
    side = (found or sides)[0]
    yield side.span.start, side.span.start, f"{ASKER}.{RENEWED}("
    yield side.span.end, side.span.end, ")"


def _is_compound(side: Term) -> bool:
    """Tell whether a side is a variable, a list or a dictionary: what can hold absent values."""
    return isinstance(side, Items | Dictionary) or is_variable(side)


def _variables(side: Term) -> set[str]:
    return {node.name for node in walk(side) if isinstance(node, Variable) and is_variable(node)}
