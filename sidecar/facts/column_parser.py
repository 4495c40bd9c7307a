"""Parse the cells of one column: each text that recurs is parsed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sidecar.facts.row_batches import Cell, Column, Quoted, Refused, Texts
from sidecar.schema import ABSENT, Attribute, EntityType, Kind, Schema, Value
from sidecar.schema.messages import shown
from sidecar.schema.model import Scalar
from sidecar.schema.secrecy import is_secret
from sidecar.schema.values import is_id, is_null, not_one_of, text_reader

MAX_CACHED_VALUES, MAX_CACHED_KEYS = 4_096, 1_048_576
"""Cached values of a column while it is read. Keys recur in the rows that refer to them; most other
texts are few, such as roles, or never recur, such as addresses."""


class MissingError(ValueError):
    """A cell that must not be absent is."""


class ColumnParser:
    """The parser of the cells of one column."""

    __slots__ = (
        "_inner_key", "_is_key", "_max_known", "_only", "_read", "_read_member", "_type", "default",
        "known", "known_quoted", "name", "optional", "sensitive",
    )  # fmt: skip

    def __init__(self, schema: Schema, declared: EntityType, attribute: Attribute) -> None:
        self._type, self._only = attribute.type, attribute.only
        self._read = text_reader(schema, attribute.type)
        element = attribute.type.element
        self._read_member = None if element is None else text_reader(schema, element)
        self._inner_key = attribute.name in declared.key[:-1]
        self._is_key = attribute.name in declared.key
        self.name = attribute.name
        self.optional = attribute.optional
        # A value of the caller precedes the default, so a row does not hold it.
        self.default = ABSENT if attribute.caller else attribute.default
        self.sensitive = is_secret(schema, attribute)
        self.known: dict[str, Value] = {}
        self.known_quoted: dict[str, Value] = {}
        refers = attribute.type.kind is Kind.REFERENCE
        self._max_known = MAX_CACHED_KEYS if refers else MAX_CACHED_VALUES

    def values(self, cells: Column) -> Sequence[Value]:
        """Return the values of cells.

        Raises:
            ValueError: One of them is invalid.
        """
        are_texts = cells.__class__ is Texts
        if are_texts or {*map(type, cells)} == {Quoted}:
            values = list(map(self.known_quoted.get, cells))  # type: ignore[arg-type]  # they are texts
        else:
            values = list(map(self._known, cells))
        if None in values:
            for index, value in enumerate(values):
                if value is None:
                    cell = cells[index]
                    values[index] = self.value(Quoted(cell) if are_texts else cell)
        return values

    def _known(self, cell: Cell | None) -> Value:
        if cell.__class__ is Quoted:
            return self.known_quoted.get(cell)
        return self.known.get(cell) if cell.__class__ is str else None

    def value(self, cell: Cell | None) -> Value:
        """Return the value of a cell, which is cached: quoted and unquoted texts have two.

        Raises:
            ValueError: It is invalid; see `parse`.
        """
        if cell is None or (cell.__class__ is str and is_null(cell)):
            if not self.optional:
                raise MissingError
            return self.default
        if cell.__class__ is Refused:
            raise ValueError(cell)
        value = self.parse(cell)
        known = self.known_quoted if cell.__class__ is Quoted else self.known
        if isinstance(cell, str) and len(known) < self._max_known:
            known[str(cell)] = value  # texts that are `str` are found faster
        return value

    def parse(self, cell: Cell) -> Value:
        """Return the value of a cell.

        Raises:
            ValueError: It is invalid. The message begins with the text in backticks.
        """
        if not isinstance(cell, str):
            if self._read_member is None:
                raise ValueError(f"`[...]` is a list; write one {self._type.name}")
            return frozenset([self._scalar(self._read_member, member) for member in cell])
        value = self._scalar(self._read, cell)
        if self._only and value not in self._only:
            raise ValueError(not_one_of(cell, self._only))
        if self._is_key and not is_id(cell):
            raise ValueError(f"{shown(cell)} begins or ends with an invisible character; remove it")
        if self._inner_key and isinstance(value, str) and "/" in value:
            raise ValueError(f"{shown(cell)} has a `/`, which divides an id; rename it")
        return value

    def _scalar(self, read: Callable[[str, bool], Value], text: str) -> Scalar:
        value = read(str(text), text.__class__ is Quoted)
        if value is None or isinstance(value, frozenset):
            raise ValueError(f"{shown(text)} is no {self._type.single.name}; correct it")
        return value
