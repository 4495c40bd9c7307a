"""What a policy can ask about a request and the facts: paths to facts, and questions about them.

Both are plain nested tuples, so that they are keys, sort, and travel as JSON.

Paths:
    ``("subject",)``, ``("resource",)``, ``("action",)``, ``("context",)``
    ``("member", base, name)``              an attribute, a property, or the domain of an address
    ``("lookup", base, name, (operand, …))``  what a look-up finds
Operands: a path; ``("literal", value)`` with the value in its text form (`text_of`).
Questions, with their answers:
    ``("exists", path)``                    yes/no: is there such an entity?
    ``("present", path)``                   yes/no: does this fact have a value?
    ``("value", path)``                     one of the values of an enum, or yes/no for a flag
    ``("is", path, literal)``               yes/no: does this text equal the literal?
    ``("least", path, literal, kind)``      yes/no: is this number or instant >= the literal?
    ``("above", path, literal, kind)``      yes/no: is it > the literal?
    ``("order", path, path)``               lt/eq/gt
    ``("same", path, path)``                yes/no: equal texts, or the same entity?
    ``("includes", operand, operand)``      yes/no: does the set hold the value?
    ``("rule", name, (operand, …))``        yes/no: does a rule of the policy hold?
Every question but ``exists``, ``present`` and ``rule`` is asked only where its facts are present.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sidecar.schema.messages import quoted
from sidecar.schema.model import Kind, Schema, Value

Path = tuple[Any, ...]
Question = tuple[Any, ...]
Answer = bool | str

SUBJECT: Path = ("subject",)
RESOURCE: Path = ("resource",)
ACTION: Path = ("action",)
CONTEXT: Path = ("context",)
SETTINGS: Path = ("settings",)
NOW: Path = ("member", CONTEXT, "now")
ACTION_NAME: Path = ("member", ACTION, "")
"""What the action is called. No property has an empty name, but one may be called `name`."""

YES_NO: tuple[Answer, ...] = (True, False)
ORDERS: tuple[Answer, ...] = ("lt", "eq", "gt")


LONGEST_SHOWN = 60
"""Characters of a path in a message."""


def member(base: Path, name: str) -> Path:
    """Return the path of one member of what is at `base`."""
    return ("member", base, name)


def literal(text: str) -> Path:
    """Return an operand that stands for itself."""
    return ("literal", text)


def operands_of(code: str | None) -> tuple[Path, ...]:
    """Return what an entry point is asked with; the last is the reason or the obligation."""
    operands: tuple[Path, ...] = (SUBJECT, ACTION, RESOURCE)
    return operands if code is None else (*operands, literal(f"str {code}"))


def with_default(schema: Schema, scope: tuple[str, str], action: str) -> Iterator[Path]:
    """Yield the facts that have a value wherever an action is granted, because of their default.

    Nothing is granted while a value of the request is outside its domain, nor where subject or
    resource are not what they must be. So there a fact with a default is stored, said or default.

    Args:
        schema: What declares them.
        scope: The types of subject and resource.
        action: Its name; one that is not declared has no properties.
    """
    subject, resource = (schema.types[name] for name in scope)
    declared = resource.actions.get(action)
    for base, attributes in (
        (SUBJECT, subject.attributes),
        (RESOURCE, resource.attributes),
        (ACTION, declared.properties if declared is not None else {}),
        (CONTEXT, schema.context),
    ):
        for name, attribute in attributes.items():
            if attribute.default is not None:
                yield member(base, name)


@lru_cache(maxsize=10_000)
def show(path: Path) -> str:
    """Write a path or an operand as a policy would: `resource.account.membership(subject).role`.

    A name that no policy could write is quoted: `resource."owner-id"`.
    """
    kind = path[0]
    if kind == "member":
        return f"{show(path[1])}.{member_shown(path)}"
    if kind == "lookup":
        return f"{show(path[1])}.{path[2]}({', '.join(show(operand) for operand in path[3])})"
    return quoted(path[1]) if kind == "literal" else str(kind)


def member_shown(path: Path) -> str:
    """Write the name of the member at a path."""
    if path == ACTION_NAME:
        return "name"
    return quoted(path[2]) if path == _PROPERTY_NAME else name_shown(path[2])


def name_shown(name: str) -> str:
    """Write a name: quoted where it could be taken for something else."""
    plain = _NAME.fullmatch(name) and name not in _ASKED
    return name if plain else quoted(name)


def path_of(text: str) -> Path:
    """Read back what `show` wrote.

    Raises:
        ValueError: It is no path, and no literal.
    """
    path, end = _operand(text, 0)
    if end != len(text):
        raise ValueError(f"`{text}` is no path: `{text[end:]}` is left over")
    return path


def worded(question: Question) -> str:
    """Write a question in words, without its question mark: ``resource.email exists``."""
    kind, *operands = question
    if kind == "rule":
        return f"{operands[0]}({', '.join(show(operand) for operand in operands[1])})"
    first, *others = [show(operand) for operand in operands if isinstance(operand, tuple)]
    if kind in {"exists", "present"}:
        return f"{first} exists"
    if kind == "includes":
        return f"{first} includes {others[0]}"
    if kind == "same":
        return f"{first} = {others[0]}"
    if kind == "order":
        return f"{first} against {others[0]}"
    return first


def depth(path: Path) -> int:
    """Return how many steps lead to what is at `path`."""
    if path[0] == "member":
        return 1 + depth(path[1])
    if path[0] == "lookup":
        return 1 + max(depth(path[1]), *(depth(operand) for operand in path[3]), 0)
    return 0


def too_far(path: Path, steps: int) -> str:
    """Return what is wrong with a path that takes more than so many steps."""
    shown = show(path)
    end = shown if len(shown) <= LONGEST_SHOWN else f"…{shown[-LONGEST_SHOWN:]}"
    return f"`{end}` is more than {steps} steps away; do its references go round?"


def facts_of(question: Question) -> Iterator[Path]:
    """Yield the paths that a question is about."""
    for part in question[1:]:
        if isinstance(part, tuple) and part and part[0] != "literal":
            yield part


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


def _operand(text: str, start: int) -> tuple[Path, int]:
    if text.startswith('"', start):
        try:
            said, end = _LITERAL.raw_decode(text, start)
        except json.JSONDecodeError:
            raise ValueError(f"`{text}` is no path: a literal does not end") from None
        return ("literal", said), end
    path: Path | None = None
    while (found := _name(text, start, first=path is None)) is not None:
        name, start = found
        if path is None:
            path = (name,)
        elif text.startswith("(", start):
            operands, start = _operands(text, start + 1)
            path = ("lookup", path, name, operands)
        else:
            path = ("member", path, name)
            if path == _PROPERTY_NAME and not text.endswith('"', 0, start):
                path = ACTION_NAME
        if not text.startswith(".", start):
            return path, start
        start += 1
    raise ValueError(f"`{text}` is no path: a name is missing")


def _operands(text: str, start: int) -> tuple[tuple[Path, ...], int]:
    operands: list[Path] = []
    while not text.startswith(")", start):
        if operands:
            if not text.startswith(", ", start):
                raise ValueError(f"`{text}` is no path: `)` is missing")
            start += len(", ")
        operand, start = _operand(text, start)
        operands.append(operand)
    return tuple(operands), start + 1


def _name(text: str, start: int, *, first: bool) -> tuple[str, int] | None:
    """Read a name, and where it ends; one that follows another may be quoted."""
    if not first and text.startswith('"', start):
        operand, end = _operand(text, start)
        return operand[1], end
    found = _NAME.match(text, start)
    return (found[0], found.end()) if found is not None else None


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ASKED = frozenset({"exists", "includes"})
_PROPERTY_NAME: Path = ("member", ACTION, "name")
"""A property that is called as what Polar calls the name of the action."""
_LITERAL = json.JSONDecoder()


def from_json(part: Any) -> Any:  # noqa: ANN401 - JSON
    """Turn the lists of JSON back into tuples."""
    return tuple(from_json(each) for each in part) if isinstance(part, list) else part
