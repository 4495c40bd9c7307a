"""Paths to facts: how a policy names what it reads of a request, the facts and the settings.

Paths are frozen, compare by value and keep their hash. `sidecar.diagram.path_text` writes and reads
their text form. As JSON a path is a list that begins with its tag: ``["member", ["subject"],
"email"]`` (`msgspec.to_builtins`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec


class Term(
    msgspec.Struct, frozen=True, array_like=True, cache_hash=True, forbid_unknown_fields=True
):
    """A path, an operand or a question; sorted by `json_form` where a fixed order is needed."""


class Root(Term, frozen=True):
    """Where a path begins: the subject, the resource, the action, the context or the settings."""

    @property
    def name(self) -> str:
        """How a policy calls it."""
        return str(self.__struct_config__.tag)


class _Subject(Root, frozen=True, tag="subject"):
    pass


class _Resource(Root, frozen=True, tag="resource"):
    pass


class _Action(Root, frozen=True, tag="action"):
    pass


class _Context(Root, frozen=True, tag="context"):
    pass


class _Settings(Root, frozen=True, tag="settings"):
    pass


class Member(Term, frozen=True, tag="member"):
    """An attribute of an entity, a property or setting, or the domain of an address."""

    base: Path
    name: str


class LookupPath(Term, frozen=True, tag="lookup"):
    """What a look-up of the entity at `base` finds."""

    base: Path
    name: str
    operands: tuple[Operand, ...]
    """The arguments, in the order in which the look-up declares them."""


class Literal(Term, frozen=True, tag="literal"):
    """A value in its text form (`sidecar.diagram.questions.text_of`)."""

    text: str


Path: TypeAlias = _Subject | _Resource | _Action | _Context | _Settings | Member | LookupPath
Operand: TypeAlias = Path | Literal

SUBJECT = _Subject()
RESOURCE = _Resource()
ACTION = _Action()
CONTEXT = _Context()
SETTINGS = _Settings()
ROOTS = (SUBJECT, RESOURCE, ACTION, CONTEXT, SETTINGS)
NOW = Member(CONTEXT, "now")
ACTION_NAME = Member(ACTION, "")
"""What the action is called. No property has an empty name, but one may be called `name`."""

_STEPS = (Member, LookupPath)
"""All that is no root; a check against the union of both takes twice as long."""

json_form = msgspec.json.Encoder().encode
"""Returns the JSON of a term: a sort key that is the same in each run."""


def root_of(path: Path) -> Root:
    """Return where a path begins."""
    while isinstance(path, _STEPS):
        path = path.base
    return path


def as_member(path: Path) -> Member:
    """Return a path that is that of a member.

    Raises:
        LookupError: It is that of a root or a look-up.
    """
    if isinstance(path, Member):
        return path
    raise LookupError(path)


def parts_of(path: Operand) -> tuple[Operand, ...]:
    """Return from what the last step of a path is made: the base, and the operands of a look-up."""
    match path:
        case Member(base):
            return (base,)
        case LookupPath(base, _, operands):
            return (base, *operands)
        case _:
            return ()


def depth(path: Operand) -> int:
    """Return how many steps lead to what is at `path`; none to a root or a literal."""
    steps = 0
    while isinstance(path, Member):  # most paths have no look-up, and long ones are long chains
        steps, path = steps + 1, path.base
    layer = parts_of(path)
    while layer:
        steps, layer = steps + 1, tuple(part for each in layer for part in parts_of(each))
    return steps


def prefixes(path: Path) -> Iterator[Path]:
    """Yield a path and the paths that lead to it, the longest first."""
    while True:
        yield path
        if not isinstance(path, Member | LookupPath):
            return
        path = path.base


def within(*operands: Operand) -> Iterator[Operand]:
    """Yield operands, and the paths and literals of which they are made, from left to right."""
    waiting = list(reversed(operands))
    while waiting:
        operand = waiting.pop()
        yield operand
        waiting += reversed(parts_of(operand))


def operands_of(code: str | None) -> tuple[Operand, ...]:
    """Return what an entry point is asked with; the last is the reason or the obligation."""
    operands = (SUBJECT, ACTION, RESOURCE)
    return operands if code is None else (*operands, Literal(f"str {code}"))
