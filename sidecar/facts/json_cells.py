"""Cells of JSON values, so that rows of JSON mean what rows of YAML do."""

from __future__ import annotations

from collections.abc import Callable

import jiter

from sidecar.facts.row_batches import Cell, Quoted, Refused
from sidecar.schema.messages import shown

NULL = "null"


def parse_json(text: bytes) -> object:
    """Return a value of strict JSON; its numbers with a fraction keep their digits.

    Raises:
        ValueError: It is not JSON, or JSON that two readers could understand in two ways: a
            repeated member, NaN, half of a surrogate pair, malformed UTF-8.
    """
    return jiter.from_json(
        text,
        allow_inf_nan=False,
        catch_duplicate_keys=True,
        float_mode="lossless-float",
        cache_mode="keys",
    )


def cell_of_json(value: object) -> Cell:
    """Return the cell of a scalar or of a list of scalars; what is nested deeper is refused."""
    convert = _SCALARS.get(value.__class__)
    if convert is not None:
        return convert(value)
    if isinstance(value, list):
        converters = [_SCALARS.get(member.__class__) for member in value]
        if None not in converters:
            return [convert(member) for convert, member in zip(converters, value, strict=True)]  # type: ignore[misc]  # none is None
    return Refused("is nested; write one value or a flat list")


def json_fault(error: ValueError) -> str:
    """Return the fault of a text that `parse_json` refuses."""
    cause, _, _ = str(error).partition(" at line ")
    name = cause.removeprefix('Detected duplicate key "')
    if name != cause:
        return f"column {shown(name[:-1])} is repeated; remove one"
    return f"is not JSON: {cause}"


_SCALARS: dict[type, Callable[[object], str]] = {
    str: Quoted,
    bool: lambda value: "true" if value else "false",
    int: str,
    jiter.LosslessFloat: str,
    type(None): lambda _: NULL,
}
