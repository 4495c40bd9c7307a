"""What a policy can ask about a request and the facts: questions about paths.

Every question but `Exists`, `Present` and `RuleHolds` is asked only where its facts are present.
Questions are frozen, compare by value and keep their hash. As JSON a question is a list that begins
with its tag: ``["is", path, "owner"]``.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from sidecar.diagram.paths import Literal, Operand, Path, Term
from sidecar.schema.model import Kind, Value

Answer = bool | str

YES_NO: tuple[Answer, ...] = (True, False)
ORDERS: tuple[Answer, ...] = ("lt", "eq", "gt")


class Exists(Term, frozen=True, tag="exists"):
    """Yes or no: is there such an entity?"""

    path: Path


class Present(Term, frozen=True, tag="present"):
    """Yes or no: does this fact have a value?"""

    path: Path


class ValueOf(Term, frozen=True, tag="value"):
    """One of the values of an enum, or yes or no for a flag."""

    path: Path


class Equals(Term, frozen=True, tag="is"):
    """Yes or no: does this text equal the literal?"""

    path: Path
    text: str


class AtLeast(Term, frozen=True, tag="least"):
    """Yes or no: is this number or instant at least the literal?"""

    path: Path
    limit: str
    kind: Kind


class Above(Term, frozen=True, tag="above"):
    """Yes or no: is this number or instant greater than the literal?"""

    path: Path
    limit: str
    kind: Kind


class Order(Term, frozen=True, tag="order"):
    """``lt``, ``eq`` or ``gt``: how the first value is ordered against the second."""

    left: Path
    right: Path


class Same(Term, frozen=True, tag="same"):
    """Yes or no: are these equal texts, or the same entity?"""

    left: Path
    right: Path


class Includes(Term, frozen=True, tag="includes"):
    """Yes or no: does the set hold the value?"""

    members: Path
    value: Operand


class RuleHolds(Term, frozen=True, tag="rule"):
    """Yes or no: does a rule of the policy hold?"""

    name: str
    operands: tuple[Operand, ...]


class TextOf(Term, frozen=True, tag="text"):
    """Which literal a text equals: all questions `Equals` about one path, as a node tests them."""

    path: Path


class NumberOf(Term, frozen=True, tag="number"):
    """Which limits a number has reached: all questions `AtLeast` and `Above` about one path."""

    path: Path


Tested: TypeAlias = (
    Exists | Present | ValueOf | Order | Same | Includes | TextOf | NumberOf | RuleHolds
)
"""What a node of a diagram can test; of a rule only diagrams for reviewers do."""
Question: TypeAlias = Tested | Equals | AtLeast | Above


def facts_of(question: Question) -> tuple[Path, ...]:
    """Return the paths that a question is about, in their order; none of a rule."""
    match question:
        case Order(left, right) | Same(left, right):
            return (left, right)
        case Includes(members, value):
            return (members,) if isinstance(value, Literal) else (members, value)
        case RuleHolds():
            return ()
        case _:
            return (question.path,)


def text_of(value: Value) -> str:
    """Write a value so that it sorts, travels as JSON and is read back by its type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        # `normalize` would round to the digits of the context.
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    if isinstance(value, tuple):
        return "/".join(value)
    return str(value)


def value_of(kind: Kind, text: str) -> Value:
    """Read back what `text_of` wrote of a value of this kind."""
    if kind is Kind.BOOLEAN:
        return text == "true"
    if kind is Kind.INTEGER:
        return int(text)
    if kind is Kind.DECIMAL:
        return Decimal(text)
    if kind is Kind.INSTANT:
        return datetime.fromisoformat(text)
    return text
