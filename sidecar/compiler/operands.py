"""Operands of rules: what Oso passes to a rule, as a key, and read back from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sidecar.compiler.symbols import ActionName, ActionObject, Constant, Fact, Thing
from sidecar.diagram.paths import ACTION, Literal, Operand
from sidecar.diagram.questions import text_of

ABSENT = float("nan")
"""What Oso is given for a fact that is absent: it equals nothing in Oso either, not even itself."""

_READ_BACK: Mapping[str, Callable[[str], object]] = {
    "str": str,
    "int": int,
    "bool": lambda text: text == "true",
    "name": lambda text: ActionName(text, is_operand=True),
    "absent": lambda _: ABSENT,
}
"""How an operand that is known when a rule is called is read back."""


def is_absent(value: object) -> bool:
    """Tell whether `value` is what Oso is given for an absent fact."""
    return isinstance(value, float) and value != value  # noqa: PLR0124 - only NaN differs from itself


def operand_of(value: object) -> Operand | None:
    """Return the key of a rule's operand; None for one by which a rule cannot be asked alone."""
    if isinstance(value, Thing) and value.path is None:
        return Literal(f"nothing {value.type.name}")
    if isinstance(value, Thing | Fact | Constant):
        return value.path
    if is_absent(value):
        return Literal("absent")
    if isinstance(value, ActionObject):
        return ACTION
    if isinstance(value, ActionName):
        return Literal(f"name {value.text}")
    if isinstance(value, str | bool | int):
        return Literal(f"{type(value).__name__} {text_of(value)}")
    return None


def operands_of_call(values: Sequence[object]) -> tuple[Operand, ...] | None:
    """Return the keys of all operands of a rule; None where it cannot be asked alone."""
    operands = [operand_of(value) for value in values]
    known = tuple(operand for operand in operands if operand is not None)
    return known if len(known) == len(operands) else None


def read_back(text: str) -> object:
    """Return what `operand_of` wrote of a value that is known: a literal, or that it is absent."""
    kind, _, written = text.partition(" ")
    return _READ_BACK[kind](written)
