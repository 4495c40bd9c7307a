"""Conditions and operands of rules in words, as a policy would write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeGuard

from sidecar.compiler.proof import Absent, Called, Compare, Key, NoValue, Side, TruthOf
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import ACTION_NAME, RESOURCE, SUBJECT, Literal, LookupPath, Member, Path
from sidecar.diagram.questions import Exists, Includes, RuleHolds, ValueOf, facts_of

YES = "bool true"
"""The literal by which a question is compared whose answer is to be yes."""
_SIGNS = {"Eq": "=", "Neq": "!=", "Lt": "<", "Leq": "<=", "Gt": ">", "Geq": ">="}


def condition(key: Key, *, holds: bool) -> str:
    """Write a condition that holds as a policy would, with `not` where its opposite does."""
    negated = "" if holds else "not "
    match key:
        case NoValue(path):
            return f"{show(path)} is absent"
        case RuleHolds(name, operands):
            return f"{negated}{call((name, operands))}"
        case Compare(
            _, TruthOf(Exists(path)) | TruthOf(of=Member() | LookupPath() as path), Literal(text)
        ):
            return f"{show(path)} {'exists' if (text == YES) is holds else 'does not exist'}"
        case Compare(_, TruthOf(Includes(members, value)), Literal(text)):
            words = "includes" if (text == YES) is holds else "does not include"
            return f"{show(members)} {words} {show(value)}"
        case Compare(operator, left, right):
            return f"{negated}{spelled(left)} {_SIGNS[operator]} {spelled(right)}"


def facts_of_step(key: Key) -> Iterator[Exists | ValueOf | Includes]:
    """Yield what a step reads, as questions."""
    match key:
        case NoValue(path):
            yield ValueOf(path)
        case Compare(_, left, right):
            for side in (left, right):
                match side:
                    case TruthOf(Exists() | Includes() as question):
                        yield question
                    case Absent(Member() | LookupPath() as path):
                        yield ValueOf(path)
                    case Member() | LookupPath() if side != ACTION_NAME:
                        yield ValueOf(side)
                    case _:  # nothing is read
                        pass
        case RuleHolds():
            pass


def is_fact(operand: Side) -> TypeGuard[Path]:
    """Tell whether an operand stands for something that is read."""
    return isinstance(operand, Member | LookupPath) or operand in {SUBJECT, RESOURCE}


def call(called: Called) -> str:
    """Write a call of a rule."""
    name = called[0].rpartition("__")[0]
    return f"{name}({', '.join(map(spelled, called[1]))})"


def spelled(operand: Side) -> str:
    """Write an operand of a rule or of a comparison."""
    match operand:
        case Absent(path):
            return "what is absent" if path is None else show(path)
        case TruthOf(question):
            if isinstance(question, bool):
                return str(question).lower()
            return show(facts_of(question)[0])
        case Literal(text):
            return _literal(text)
        case path:
            return show(path)


def _literal(written: str) -> str:
    kind, _, text = written.partition(" ")
    if kind == "nothing":
        return f"no {text}"
    if kind == "absent":
        return "what is absent"
    return text if kind in {"int", "bool"} else json.dumps(text, ensure_ascii=False)
