"""Cells of columns that PostgreSQL sends as text, and the rows of its COPY format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeAlias

from sidecar.facts.json_cells import NULL, cell_of_json, parse_json
from sidecar.facts.row_batches import BATCH, Batch, Cell, Quoted, Refused, Texts
from sidecar.schema import Attribute, Kind
from sidecar.schema.model import TEXTS

Fields: TypeAlias = Sequence[str | None]
"""The columns of a row as text; None is NULL."""

_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_NUMBERS = _INTEGERS | {"numeric", "real", "double precision"}
_JSON = frozenset({"json", "jsonb"})
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def selected(name: str, type_name: str) -> str:
    """Return the expression that gives a column as text; arrays become JSON.

    Args:
        name: The column, in quotes.
        type_name: Its type, without a modifier, such as ``text[]``.
    """
    return f"array_to_json({name})::text" if type_name.endswith("[]") else f"{name}::text"


def cell_reader(attribute: Attribute, type_name: str) -> Callable[[str], Cell]:
    """Return a function from the texts of a column of a type to cells."""
    kind = attribute.type.kind
    if type_name in _JSON or type_name.endswith("[]"):
        return _json
    if type_name == "bytea":
        return lambda _: Refused("is binary; store text")
    if type_name in _INTEGERS and (kind in TEXTS or kind is Kind.REFERENCE):
        return Quoted  # an integer has one text, so that integer keys can be ids
    return str if type_name in _NUMBERS or type_name == "boolean" else Quoted


def _json(text: str) -> Cell:
    with suppress(ValueError):
        return cell_of_json(parse_json(text.encode()))
    return Quoted(text)


def row_reader(
    names: Sequence[str], readers: Sequence[Callable[[str], Cell]]
) -> Callable[[Fields], dict[str, Cell]]:
    """Return a function from the columns of a row to its cells."""

    def read(fields: Fields) -> dict[str, Cell]:
        return {
            name: NULL if field is None else reader(field)
            for name, reader, field in zip(names, readers, fields, strict=True)
        }

    return read


def batches(
    names: Sequence[str], readers: Sequence[Callable[[str], Cell]], rows: Iterable[Fields]
) -> Iterator[Batch]:
    """Yield rows in batches, with cells as of `row_reader`."""
    remaining = iter(rows)
    while found := list(islice(remaining, BATCH)):
        fields = zip(readers, zip(*found, strict=True), strict=True)
        columns = [_cells(reader, texts) for reader, texts in fields]
        yield Batch([0] * len(found), dict(zip(names, columns, strict=True)))


def _cells(reader: Callable[[str], Cell], texts: Fields) -> Sequence[Cell]:
    if reader is Quoted and None not in texts:
        return Texts(texts)  # type: ignore[arg-type]  # they are texts
    return [NULL if text is None else reader(text) for text in texts]


def copied_rows(blocks: Iterable[bytes]) -> Iterator[Fields]:
    """Yield the rows of COPY's text format; a block may end within a row."""
    rest = ""
    for block in blocks:
        lines = (rest + block.decode()).split("\n") if rest else block.decode().split("\n")
        rest = lines.pop()
        for line in lines:
            fields = line.split("\t")
            yield [*map(_unescaped, fields)] if "\\" in line else fields


def _unescaped(field: str) -> str | None:
    if field == r"\N":
        return None
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), field)
