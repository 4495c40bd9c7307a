"""Syntax trees of Polar. Every node knows the exact place of its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal as OneOf


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands: `text[start:end]` is exactly its text."""

    start: int
    end: int
    line: int
    """1-based, of its first character."""
    column: int
    """1-based."""


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that was written."""

    span: Span


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A word that names something: a rule, a member, a type, an operator."""

    text: str


# --- terms ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A text, a number or a truth value; `value` is what Oso makes of it."""

    value: str | bool | int | float


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """A variable, or what Oso is given under a name, such as `context` and the types."""

    name: str


@dataclass(frozen=True, slots=True)
class Rest(Node):
    """`*rest` at the end of a list."""

    name: Name


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list, with a `Rest` at most as its last element."""

    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Entry(Node):
    """`key: value` of a dictionary, a pattern or named arguments; `key` alone is `key: key`."""

    key: Name
    value: Term


@dataclass(frozen=True, slots=True)
class Dictionary(Node):
    """`{a: 1}`, as a term and as a pattern."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Instance(Node):
    """A pattern that names a type: `Action` or `Action{name: "read"}`."""

    type: Name
    fields: Dictionary | None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`rule(a, b)`; with `new` or as a member also named arguments."""

    name: Name
    arguments: tuple[Term, ...]
    named: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`head.name`, `head.name(…)`, `head.(variable)` and `head.("any text")`."""

    head: Term
    member: Name | Call | Variable | Literal


@dataclass(frozen=True, slots=True)
class New(Node):
    """`new Type(…)`."""

    call: Call


@dataclass(frozen=True, slots=True)
class Builtin(Node):
    """`cut`, `forall(…)`, `print(…)`, `debug(…)`; and operators that come first."""

    word: Name
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two terms and what stands between: a comparison, `=`, `:=`, `in`, arithmetic, `matches`.

    The right side of `matches` is a pattern.
    """

    left: Term
    operator: Name
    right: Term


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not condition`."""

    operand: Term


@dataclass(frozen=True, slots=True)
class Junction(Node):
    """Two conditions or more with `and` between each, or with `or` between each."""

    word: OneOf["and", "or"]
    operands: tuple[Term, ...]
    words: tuple[Name, ...]
    """The words between, in their order: one fewer than operands."""


@dataclass(frozen=True, slots=True)
class Group(Node):
    """A term in parentheses; they belong to the span."""

    inner: Term


Term = (
    Literal
    | Variable
    | Rest
    | Items
    | Dictionary
    | Instance
    | Call
    | Member
    | New
    | Builtin
    | Binary
    | Not
    | Junction
    | Group
)


# --- lines ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    """A parameter of a rule: a term, or a variable with its specializer after a colon."""

    term: Term
    specializer: Term | None


@dataclass(frozen=True, slots=True)
class Head(Node):
    """`name(parameters)`."""

    name: Name
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Rule(Node):
    """`head;` or `head if body;`."""

    head: Head
    body: Term | None


@dataclass(frozen=True, slots=True)
class RuleType(Node):
    """`type head;`: which parameters a rule may have."""

    head: Head


@dataclass(frozen=True, slots=True)
class InlineQuery(Node):
    """`?= term;`: asked when the policy is loaded."""

    term: Term


@dataclass(frozen=True, slots=True)
class Declaration(Node):
    """`roles = [...];`, `permissions = [...];` or `relations = {...};`."""

    keyword: Name
    """One of the three; other words Oso refuses later."""
    value: Items | Dictionary


@dataclass(frozen=True, slots=True)
class ShorthandRule(Node):
    """`"head" if "implier";` and `"head" if "implier" on "relation";`."""

    head: Literal
    implier: Literal
    keyword: Name | None
    """`on`; other words Oso refuses later."""
    relation: Literal | None


@dataclass(frozen=True, slots=True)
class Block(Node):
    """`actor Type {…}` or `resource Type {…}`."""

    keyword: Name | None
    """`actor` or `resource`; other words, and none, Oso refuses later."""
    type: Name
    inside: Span
    """What stands between the braces."""
    declarations: tuple[Declaration, ...]
    rules: tuple[ShorthandRule, ...]


Line = Rule | RuleType | InlineQuery | Block


@dataclass(frozen=True, slots=True)
class File(Node):
    """One file of Polar."""

    lines: tuple[Line, ...]


_PLAIN = frozenset({"Span", "str", "str | bool | int | float"})
"""Types of fields that hold no nodes: most fields have one of them."""


@cache
def _fields_of(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.type not in _PLAIN)


def children(node: Node) -> list[Node]:
    """Return the nodes right below, in the order of their fields."""
    below: list[Node] = []
    for name in _fields_of(type(node)):  # type: ignore[arg-type]  # a class has a hash
        value = getattr(node, name)
        if isinstance(value, tuple):
            below += value
        elif isinstance(value, Node):
            below.append(value)
    return below


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, each before those below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += reversed(children(found))


def calls_in(node: Node) -> Iterator[Call]:
    """Yield the calls of rules in a node, and not those of look-ups and of `new`."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Call):
            yield found
        below = children(found)
        if isinstance(found, Member | New) and isinstance(below[-1], Call):
            below[-1:] = [*below[-1].arguments, *below[-1].named]
        waiting += reversed(below)


def text_of(term: Term) -> str | None:
    """Return the text that a term is, None for any other term."""
    return term.value if isinstance(term, Literal) and isinstance(term.value, str) else None


def type_of(parameter: Parameter) -> str | None:
    """Return the type that a parameter has to have, None where it has none."""
    pattern = parameter.specializer
    return pattern.type.text if isinstance(pattern, Instance) else None
