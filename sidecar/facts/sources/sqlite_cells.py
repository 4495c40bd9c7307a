"""Cells of values that SQLite stores, so that its rows mean what rows of YAML do.

SQLite has neither booleans nor lists: a boolean is 0 or 1, and a set is a JSON array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from sidecar.facts.json_cells import NULL, cell_of_json, parse_json
from sidecar.facts.row_batches import Cell, Quoted, Refused, Texts
from sidecar.schema import Attribute, Kind
from sidecar.schema.model import TEXTS

Stored: TypeAlias = str | int | float | bytes | None


def cell_reader(attribute: Attribute) -> Callable[[Stored], Cell]:
    """Return a function from the values of a column to cells."""
    kind = attribute.type.kind
    if kind is Kind.BOOLEAN:
        return _boolean
    if kind is Kind.SET:
        return _set
    return _text if kind in TEXTS or kind is Kind.REFERENCE else _value


def column_reader(attribute: Attribute) -> Callable[[Sequence[Stored]], Sequence[Cell]]:
    """Return a function from values of a column to cells, as `cell_reader` for each of them."""
    read, is_set = cell_reader(attribute), attribute.type.kind is Kind.SET

    def cells(values: Sequence[Stored]) -> Sequence[Cell]:
        if not is_set and {*map(type, values)} == {str}:
            return Texts(values)  # type: ignore[arg-type]  # they are texts
        return [*map(read, values)]

    return cells


def _value(value: Stored) -> Cell:
    if value.__class__ is str:
        return Quoted(value)
    if isinstance(value, bytes):
        return Refused("is binary; store text")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a column for decimals stores `12.00` so
    return NULL if value is None else repr(value)


def _text(value: Stored) -> Cell:
    """Return the cell of a text; an integer has one text, so that integer keys can be ids."""
    if value.__class__ is str:
        return Quoted(value)
    return Quoted(value) if isinstance(value, int) else _value(value)


def _boolean(value: Stored) -> Cell:
    if value.__class__ is int and value in {0, 1}:
        return "true" if value else "false"
    return _value(value)


def _set(value: Stored) -> Cell:
    if isinstance(value, str):
        with suppress(ValueError):
            return cell_of_json(parse_json(value.encode()))
    return _value(value)
