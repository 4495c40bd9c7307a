"""The text form of paths and questions: as a policy writes them, and read back."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from sidecar.diagram.paths import (
    ACTION,
    ACTION_NAME,
    ROOTS,
    Literal,
    LookupPath,
    Member,
    Operand,
    Path,
)
from sidecar.diagram.questions import (
    Exists,
    Includes,
    Order,
    Present,
    Question,
    RuleHolds,
    Same,
)
from sidecar.schema.messages import quoted

LONGEST_SHOWN = 60
"""Characters of a path in a message."""


@lru_cache(maxsize=10_000)
def show(path: Operand) -> str:
    """Write a path or an operand as a policy would: `resource.account.membership(subject).role`.

    A name that no policy could write is quoted: `resource."owner-id"`.
    """
    match path:
        case Member(base):
            return f"{show(base)}.{member_shown(path)}"
        case LookupPath(base, name, operands):
            return f"{show(base)}.{name}({_listed(operands)})"
        case Literal(text):
            return quoted(text)
        case root:
            return root.name


def member_shown(path: Member) -> str:
    """Write the name of the member at a path."""
    if path == ACTION_NAME:
        return "name"
    return quoted(path.name) if path == _PROPERTY_NAME else name_shown(path.name)


def name_shown(name: str) -> str:
    """Write a name: quoted where it could be taken for something else."""
    plain = _NAME.fullmatch(name) and name not in _BUILT_IN
    return name if plain else quoted(name)


def worded(question: Question) -> str:
    """Write a question in words, without its question mark: ``resource.email exists``."""
    match question:
        case Exists(path) | Present(path):
            return f"{show(path)} exists"
        case Includes(members, value):
            return f"{show(members)} includes {show(value)}"
        case Same(left, right):
            return f"{show(left)} = {show(right)}"
        case Order(left, right):
            return f"{show(left)} against {show(right)}"
        case RuleHolds(name, operands):
            return f"{name}({_listed(operands)})"
        case _:
            return show(question.path)


def too_far(path: Path, steps: int) -> str:
    """Return what is wrong with a path that takes more than so many steps."""
    shown = show(path)
    end = shown if len(shown) <= LONGEST_SHOWN else f"…{shown[-LONGEST_SHOWN:]}"
    return f"`{end}` is more than {steps} steps away; do its references go round?"


def operand_of_text(text: str) -> Operand:
    """Read back what `show` wrote.

    Raises:
        ValueError: It is no path, and no literal.
    """
    operand, end = _operand(text, 0)
    if end != len(text):
        raise ValueError(f"`{text}` is no path: `{text[end:]}` is left over")
    return operand


def path_of(text: str) -> Path:
    """Read back what `show` wrote of a path.

    Raises:
        ValueError: It is no path.
    """
    operand = operand_of_text(text)
    if isinstance(operand, Literal):
        raise ValueError(f"`{text}` is no path: it is a literal")  # noqa: TRY004 - of a text
    return operand


def _listed(operands: tuple[Operand, ...]) -> str:
    return ", ".join(map(show, operands))


def _operand(text: str, start: int) -> tuple[Operand, int]:
    if text.startswith('"', start):
        return _literal(text, start)
    path: Path | None = None
    while (found := _name(text, start, first=path is None)) is not None:
        name, start = found
        if path is None:
            if name not in _ROOTS:
                raise ValueError(f"`{text}` is no path: none begins with `{name}`")
            path = _ROOTS[name]
        elif text.startswith("(", start):
            operands, start = _operands(text, start + 1)
            path = LookupPath(path, name, operands)
        else:
            path = Member(path, name)
            if path == _PROPERTY_NAME and not text.endswith('"', 0, start):
                path = ACTION_NAME
        if not text.startswith(".", start):
            return path, start
        start += 1
    raise ValueError(f"`{text}` is no path: a name is missing")


def _operands(text: str, start: int) -> tuple[tuple[Operand, ...], int]:
    operands: list[Operand] = []
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
        literal, end = _literal(text, start)
        return literal.text, end
    found = _NAME.match(text, start)
    return (found[0], found.end()) if found is not None else None


def _literal(text: str, start: int) -> tuple[Literal, int]:
    try:
        read, end = _QUOTED.raw_decode(text, start)
    except json.JSONDecodeError:
        raise ValueError(f"`{text}` is no path: a literal does not end") from None
    return Literal(read), end


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_BUILT_IN = frozenset({"exists", "includes"})
_PROPERTY_NAME = Member(ACTION, "name")
"""A property that is called as what Polar calls the name of the action."""
_ROOTS = {root.name: root for root in ROOTS}
_QUOTED = json.JSONDecoder()
