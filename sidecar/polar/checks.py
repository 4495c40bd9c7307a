"""What Polar would accept and a policy may not say: each is a trap that was reproduced.

The reasons stand in `docs/packs.md`, *What a policy may not say*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from math import isfinite

from sidecar.errors import Problem
from sidecar.polar.ast import (
    Binary,
    Builtin,
    Call,
    Dictionary,
    Entry,
    Group,
    Instance,
    Items,
    Literal,
    Member,
    Name,
    New,
    Node,
    Rest,
    Term,
    Variable,
    walk,
)
from sidecar.polar.foreign_syntax import ABSENT_WORDS, ARITHMETIC, TRUTH_WORDS, bracketed_list
from sidecar.polar.literals import MAXIMUM_DIGITS
from sidecar.polar.source import Rule, Source

ENTRY_POINTS = {"allow": 3, "forbid": 4, "oblige": 4}
"""The rules that are asked from outside, with the number of their parameters."""
CODED = {"forbid": "reason", "oblige": "obligation"}
"""What the last parameter of an entry point is, where it has to be a string."""

CONSTANTS = frozenset({"true", "false", "nil", "context", "settings"})
NO_VARIABLES = frozenset({"_", *CONSTANTS, *ABSENT_WORDS, *TRUTH_WORDS})
"""Words that stand where a variable could, and are none."""

_REFUSED_WORDS = {
    "new": "nothing can be made in a policy",
    "cut": "it would make the answer depend on the order of the rules",
    "print": "a policy cannot print",
    "debug": "it would wait at the terminal",
    "in": "write `in` between a value and a list",
    "mod": ARITHMETIC,
    "rem": ARITHMETIC,
    "nan": "it is no number that a fact can have",
    "inf": "it is no number that a fact can have",
}
_COMPARISONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">="})
_EQUALITIES = frozenset({"=", "==", "!="})

_Fault = tuple[Node, str]
"""What is wrong, and the node whose line is named."""


def check_constructs(source: Source) -> Iterator[Problem]:
    """Yield every construct of `source` that is refused, and why."""
    for rule in source.rules:
        for node, message in (*_head(rule), *_Nodes(rule, source).faults()):
            yield Problem(source.file, node.span.line, message)


def _head(rule: Rule) -> Iterator[_Fault]:
    head, parameters = rule.node.head, rule.parameters
    wanted = ENTRY_POINTS.get(rule.name)
    if wanted is not None and len(parameters) != wanted:
        yield head, f"`{rule.name}` takes {wanted} parameters"
        return
    if wanted is not None and (name := rule.literals[1]) is not None:
        mend = f'write `_: Action{{name: "{name}"}}` instead of `"{name}"`'
        yield parameters[1], f"the action is an object: {mend}"
    if rule.name in CODED and rule.literals[-1] is None:
        yield head, f"the {CODED[rule.name]} of `{rule.name}` must be a string in its head"
    for parameter in parameters:
        term = parameter.term
        if isinstance(term, Variable) and term.name in {"context", "settings"}:
            yield term, f"`{term.name}` is known everywhere and cannot be a parameter"


class _Nodes:
    """Looks at every node of one rule, each before those below it."""

    def __init__(self, rule: Rule, source: Source) -> None:
        self._rule, self._source = rule, source
        self._done: set[int] = set()
        """Nodes of which the node above has spoken."""
        self._lists = frozenset(_variables_with_lists(rule))

    def faults(self) -> Iterator[_Fault]:
        """Yield what is wrong with the nodes."""
        yield from _bad_name(self._rule.node.head.name)
        for node in walk(self._rule.node):
            if id(node) in self._done:
                continue
            if isinstance(node, Variable):
                yield from self._variable(node)
            elif isinstance(node, Literal):
                yield from self._number(node)
            elif isinstance(node, Binary):
                yield from self._binary(node)
            elif isinstance(node, Member):
                yield from self._member(node)
            elif isinstance(node, Builtin | New):
                word = node.word.text if isinstance(node, Builtin) else "new"
                yield from _refused(node, word)
            elif isinstance(node, Rest):
                yield node, "`*rest` in a list cannot be compiled; write the list out"
            elif isinstance(node, Call | Instance | Entry):
                yield from _bad_name(_name_of(node))

    def _variable(self, node: Variable) -> Iterator[_Fault]:
        yield from _bad_name(node)
        if node.name in TRUTH_WORDS:
            yield node, f"`{node.name}` is no word of Polar; write `{TRUTH_WORDS[node.name]}`"
        elif node.name in ABSENT_WORDS:
            yield node, _absent_word(node, "")

    def _number(self, node: Literal) -> Iterator[_Fault]:
        """Find numbers that are not what Polar would keep of them."""
        if isinstance(node.value, str | bool):
            return
        written = self._source.written(node).lstrip("+- ")
        digits = re.sub(r"[eE].*|\.", "", written).strip("0")
        if written in {"inf", "nan"}:
            yield node, f"`{written}` is not supported: it is no number that a fact can have"
        elif isinstance(node.value, float) and len(digits) > MAXIMUM_DIGITS:
            message = f"has more than {MAXIMUM_DIGITS} digits; put it into the settings"
            yield node, f"`{written}` {message}"
        elif isinstance(node.value, float) and not _is_exact(written):
            message = "is too large or too small to be kept exactly; write digits such as `0.01`"
            yield node, f"`{written}` {message}"

    def _member(self, node: Member) -> Iterator[_Fault]:
        if isinstance(node.member, Variable | Literal):
            yield node, "`.(` is not supported: write the name of the member after the dot"
            return
        name = node.member.name if isinstance(node.member, Call) else node.member
        self._done.add(id(node.member))
        if name.text.startswith("_"):
            message = "nothing that begins with an underscore can be read"
            yield name, f"`{name.text}`: {message}"

    def _binary(self, node: Binary) -> Iterator[_Fault]:
        operator = node.operator.text
        if operator in _COMPARISONS or operator == ":=":
            yield from self._comparison(node, operator)
        elif operator == "in":
            yield from self._membership(node.right)
        elif operator in {"mod", "rem"}:
            yield node.operator, f"`{operator}` is not supported: {ARITHMETIC}"
        elif operator != "matches":
            yield node.operator, f"`{operator}`: {ARITHMETIC}"

    def _comparison(self, node: Binary, operator: str) -> Iterator[_Fault]:
        for side, other in ((node.left, node.right), (node.right, node.left)):
            word = side.name if isinstance(side, Variable) else ""
            if operator in _EQUALITIES and word in ABSENT_WORDS:
                self._done.add(id(side))
                yield side, _absent_word(side, "true" if operator == "!=" else "false")
            anything = word == "_" or (word.startswith("_") and word[1:] in ABSENT_WORDS)
            if operator in _EQUALITIES | {":="} and anything:
                shown = self._source.written(other)
                message = f"stands for anything, so nothing is asked of `{shown}` here"
                yield node.operator, f"`{word}` {message}"
        left, right = ("".join(self._source.written(s).split()) for s in (node.left, node.right))
        if operator in _COMPARISONS and left == right and _names_alone(node.left):
            yield node.operator, f"`{left} {operator} {left}` compares `{left}` with itself"

    def _membership(self, right: Term) -> Iterator[_Fault]:
        """Find `in` over what is no list."""
        written = self._source.written(right)
        if isinstance(right, Literal) and isinstance(right.value, str):
            yield right, f"`in {written}` would go through its letters; write `in [{written}]`"
        elif isinstance(right, Group) and isinstance(right.inner, Literal):
            yield right, bracketed_list(self._source.written(right.inner))
        elif isinstance(right, Dictionary) and right.entries and all(map(is_short, right.entries)):
            names = ", ".join(entry.key.text for entry in right.entries)
            yield right, bracketed_list(names)
        elif isinstance(right, Literal) or (
            isinstance(right, Variable) and right.name not in self._lists
        ):
            mend = "needs a list; write it out here, or put a set into the settings"
            yield right, f"`in {written}` {mend}"


def _variables_with_lists(rule: Rule) -> Iterator[str]:
    """Yield the variables to which a list is given that is written out."""
    for node in walk(rule.node):
        match node:
            case Binary(left=Variable(name=name), operator=Name(text="=" | ":="), right=Items()):
                yield name
            case _:
                pass


def _refused(node: Node, word: str) -> Iterator[_Fault]:
    if word in _REFUSED_WORDS:
        yield node, f"`{word}` is not supported: {_REFUSED_WORDS[word]}"


def _name_of(node: Call | Instance | Entry) -> Name:
    if isinstance(node, Entry):
        return node.key
    return node.type if isinstance(node, Instance) else node.name


def _bad_name(node: Name | Variable) -> Iterator[_Fault]:
    """Yield what is wrong with the name of a rule or a variable."""
    name = node.text if isinstance(node, Name) else node.name
    if "__" in name:
        yield node, f"`{name}`: names with `__` are kept for the compiler"
    elif ":" in name or "?" in name:
        yield node, f"`{name}` is not a name; use letters, digits and `_`"


def _absent_word(node: Node, exists: str) -> str:
    """Return what is wrong with a word for what is not there, and how it is asked."""
    word = node.name if isinstance(node, Variable) else ""
    how = f" = {exists}" if exists else ""
    message = f"`{word}` is not supported: an absent fact equals nothing"
    return f"{message}; ask whether it `.exists{how}`"


def _is_exact(text: str) -> bool:
    """Tell whether Oso's binary numbers keep what a number with a fraction or exponent says."""
    kept = float(text)
    try:
        return isfinite(kept) and Decimal(repr(kept)) == Decimal(text)
    except InvalidOperation:  # its exponent is beyond all numbers
        return False


def is_short(entry: Entry) -> bool:
    """Tell whether a field is written as its key alone, and so names a variable."""
    return entry.key.span == entry.value.span


def _names_alone(term: Term) -> bool:
    """Tell whether a term calls nothing, and names a variable of which no member is read."""
    nodes = list(walk(term))
    read = {id(node.head) for node in nodes if isinstance(node, Member)}
    values = {id(n.value) for n in nodes if isinstance(n, Entry) and not is_short(n)}
    return not any(isinstance(node, Call | Group) for node in nodes) and any(
        isinstance(node, Variable) or (isinstance(node, Literal) and isinstance(node.value, bool))
        for node in nodes
        if id(node) not in read | values
    )
