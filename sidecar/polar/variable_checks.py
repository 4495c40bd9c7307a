"""Variables that a rule uses before anything has found a value for them.

Oso goes on with such a variable as with any value that may be: `limit > 5 and limit < 3` is a
condition that could hold, under `not` it is lost, and a misspelt name is no name at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sidecar.errors import Problem
from sidecar.polar.ast import (
    Binary,
    Call,
    Entry,
    Items,
    Member,
    Name,
    Node,
    Not,
    Term,
    Variable,
    children,
    walk,
)
from sidecar.polar.checks import NO_VARIABLES, is_short
from sidecar.polar.source import Rule, Source

_SINGLETON = re.compile(r"Singleton variable (\S+) is unused or undefined")

_Finds = bool | Variable
"""Whether a variable gets a value where it stands; or another one, with whose value it does."""


def in_own_words(problem: Problem, sources: Sequence[Source]) -> Problem:
    """Return what Oso says of a variable that stands only once, without its advice.

    A name that begins with `_` is what Oso advises: a condition with it always holds.
    """
    found = _SINGLETON.match(problem.message)
    if found is None:
        return problem
    message = f"the variable `{found[1]}` stands only once in its rule"
    rules = [
        rule
        for source in sources
        for rule in source.rules
        if rule.file == problem.file and rule.line <= problem.line
    ]
    typed = (each.term for each in (rules[-1].parameters if rules else ()) if each.specializer)
    if any(isinstance(term, Variable) and term.name == found[1] for term in typed):
        return replace(problem, message=f"{message}; write `_` in its place")
    advice = "was a text in quotes or another name meant?"
    return replace(problem, message=f"{message}, so it stands for anything; {advice}")


def check_variables(source: Source) -> Iterator[Problem]:
    """Yield every variable that is not known where it stands, and how to mend it."""
    for rule in source.rules:
        for variable, message in (*_unknown(rule), *_first_under_not(rule)):
            yield Problem(source.file, variable.span.line, f"`{variable.name}` {message}")


def named_in_head(rule: Rule) -> set[str]:
    """Return all words of the parameters of a rule: types and keys are no variables of its body."""
    nodes = (node for parameter in rule.parameters for node in walk(parameter))
    return {
        node.text if isinstance(node, Name) else node.name
        for node in nodes
        if isinstance(node, Name | Variable)
    }


def is_variable(node: Node) -> bool:
    """Tell whether a node is a variable, and no constant or word that `checks` refuses."""
    return isinstance(node, Variable) and node.name not in NO_VARIABLES and "__" not in node.name


def _unknown(rule: Rule) -> Iterator[tuple[Variable, str]]:
    """Yield variables that are read where they first stand: compared, or a member taken of them."""
    known = named_in_head(rule)
    waiting: list[tuple[Node, _Finds]] = [(rule.body, False)] if rule.body is not None else []
    while waiting:
        node, finds = waiting.pop()
        if not isinstance(node, Variable):
            waiting += reversed(list(_parts(node)))
        elif is_variable(node) and node.name not in known:
            found = finds if isinstance(finds, bool) else finds.name in known
            if not found:
                yield node, "is not known here; put the condition that finds it before"
            known.add(node.name)


def _parts(node: Node) -> Iterator[tuple[Node, _Finds]]:
    """Yield the parts of a node, and whether one that is a variable gets a value there."""
    if isinstance(node, Binary):
        yield from _sides(node)
    elif isinstance(node, Member):
        yield node.head, False
        if isinstance(node.member, Call):  # a look-up: its arguments are read
            yield from ((argument, False) for argument in node.member.arguments)
            yield from ((entry.value, True) for entry in node.member.named)
    else:
        finds = isinstance(node, Call | Items | Entry)
        yield from ((part, finds) for part in children(node))


def _sides(node: Binary) -> Iterator[tuple[Node, _Finds]]:
    operator = node.operator.text
    if operator in {"=", ":="}:
        yield node.left, _given_by(node.right)
        yield node.right, _given_by(node.left)
    else:
        yield node.left, operator == "in"
        yield node.right, False


def _given_by(other: Term) -> _Finds:
    return other if isinstance(other, Variable) and is_variable(other) else True


def _first_under_not(rule: Rule) -> Iterator[tuple[Variable, str]]:
    """Yield variables that first stand under `not` and again after it.

    Polar does not bind them there: `not x = "a" and x = document.name` never holds.
    """
    nodes = list(walk(rule.body)) if rule.body is not None else []
    fields = {id(node.value) for node in nodes if isinstance(node, Entry) and not is_short(node)}
    variables = [
        node
        for node in nodes
        if isinstance(node, Variable) and is_variable(node) and id(node) not in fields
    ]
    bound = named_in_head(rule)
    for node in nodes:
        if isinstance(node, Not):
            start, end = node.span.start, node.span.end
            later = {each.name for each in variables if each.span.start >= end}
            for each in variables:
                inside = start <= each.span.start < end
                if inside and each.name in later - bound:
                    message = "is not known yet under this `not`"
                    yield each, f"{message}; put the condition that finds it before"
        elif isinstance(node, Variable):
            bound.add(node.name)
