"""Conditions and operands of rules in words, as a policy would write them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sidecar.compiler.proof import Called, Key
from sidecar.diagram.questions import ACTION_NAME, RESOURCE, SUBJECT, Path, show

_SIGNS = {"Eq": "=", "Neq": "!=", "Lt": "<", "Leq": "<=", "Gt": ">", "Geq": ">="}


def condition(key: Key, *, holds: bool) -> str:
    """Write a condition that holds as a policy would, with `not` where its opposite does."""
    kind, *parts = key
    negated = "" if holds else "not "
    if kind == "there":
        return f"{show(parts[0])} is absent"
    if kind == "rule":
        return f"{negated}{call((parts[0], parts[1]))}"
    operator, left, right = parts
    if left[0] == "truth" and right[0] == "literal" and not isinstance(left[1], bool):
        kind, path, *others = left[1]
        positive = (right[1] == "bool true") is holds
        if kind == "includes":
            words = "includes" if positive else "does not include"
            return f"{show(path)} {words} {show(others[0])}"
        return f"{show(path)} {'exists' if positive else 'does not exist'}"
    return f"{negated}{spelled(left)} {_SIGNS[operator]} {spelled(right)}"


def facts_of_step(key: Key) -> Iterator[tuple[str, Path]]:
    """Yield the facts that a step looks at: ``exists`` or ``value``, and the path.

    Of a set it is ``includes``, with the whole question.
    """
    kind, *parts = key
    if kind == "rule":
        return
    for operand in parts[-2:] if kind == "compare" else [("absent", parts[0])]:
        if operand[0] == "absent" and operand[1]:
            yield "value", operand[1]
        elif operand[0] == "truth" and not isinstance(operand[1], bool):
            asked, *paths = operand[1]
            if asked == "includes":
                yield asked, operand[1]
            else:
                yield from ((asked, each) for each in paths)
        elif operand[0] in {"member", "lookup"} and operand != ACTION_NAME:
            yield "value", operand


def is_fact(operand: Path) -> bool:
    """Tell whether an operand stands for something that is read."""
    return operand[0] in {"member", "lookup"} or operand in {SUBJECT, RESOURCE}


def call(called: Called) -> str:
    """Write a call of a rule."""
    name = called[0].rpartition("__")[0]
    return f"{name}({', '.join(map(spelled, called[1]))})"


def spelled(operand: Path) -> str:
    """Write an operand of a rule or of a comparison."""
    if operand[0] == "absent":
        return show(operand[1]) if operand[1] else "what is absent"
    if operand[0] == "truth":
        return str(operand[1]).lower() if isinstance(operand[1], bool) else show(operand[1][1])
    if operand[0] != "literal":
        return show(operand)
    kind, _, text = operand[1].partition(" ")
    if kind == "nothing":
        return f"no {text}"
    if kind == "absent":
        return "what is absent"
    return text if kind in {"int", "bool"} else json.dumps(text, ensure_ascii=False)
