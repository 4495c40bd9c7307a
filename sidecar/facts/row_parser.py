"""Parse the rows of any source: texts become values of the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

from sidecar.errors import Problem
from sidecar.facts.errors import MountFaults
from sidecar.schema import (
    ABSENT,
    Attribute,
    EntityType,
    Key,
    Kind,
    Schema,
    Value,
    ValueType,
    id_of,
)
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.model import Scalar
from sidecar.schema.values import is_id, is_null, not_one_of, parse_text

Row: TypeAlias = tuple[Value, ...]
"""The values of one entity, in the order of `EntityType.attributes`."""

MAX_CACHED_VALUES, MAX_CACHED_KEYS = 4_096, 1_048_576
"""Cached values of a column while it is read. Keys recur in the rows that refer to them; most other
texts are few, such as roles, or never recur, such as addresses."""


class Quoted(str):
    """A cell that is marked as text, so that ``"7"`` is not a number.

    Sources with typed columns use it for texts, and `str` for all other values.
    """

    __slots__ = ()


class Refused(str):
    """A cell that no column can have: its text is the fault, unless the source has reported it."""

    __slots__ = ()


Cell: TypeAlias = str | list[str]
Cells: TypeAlias = Mapping[str, Cell]
"""A row of a source: absent columns are missing, or an unquoted ``null``."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one type, each with its line, and their file or table for faults."""

    file: str
    rows: Iterable[tuple[int, Cells]]
    keyed: bool = False
    """Whether the rows have no lines (they are all 0), so that faults name a row by its id."""


def row_name(declared: EntityType, key: Key | None) -> str:
    """Return a row without a line as faults begin with it; sensitive keys are left out."""
    if key is None:
        return "a row without a valid key"
    hidden = any(declared.attributes[column].sensitive for column in declared.key)
    return "a row" if hidden else f"row {shown(id_of(key))}"


def row_key(declared: EntityType, row: Row) -> Key:
    """Return the key of a row that has a valid one; `RowReader.key` is faster for many rows."""
    names = list(declared.attributes)
    key = tuple([row[names.index(column)] for column in declared.key])
    return key if len(key) > 1 else key[0]  # type: ignore[return-value]  # columns of keys are texts


def reader_of(declared: EntityType, name: str) -> Callable[[Row], Value]:
    """Return a function from a row to the value of an attribute, or its default.

    For look-ups and searches. For the subject and the resource of a request, a value of the caller
    precedes the default; so rows do not hold the defaults of attributes that callers may send.
    """
    index = list(declared.attributes).index(name)
    attribute = declared.attributes[name]
    if not attribute.caller or attribute.default is None:
        return itemgetter(index)
    default = attribute.default

    def read(row: Row) -> Value:
        value = row[index]
        return default if value is None else value

    return read


class RowReader:
    """The parser of the rows of one type."""

    def __init__(
        self, schema: Schema, declared: EntityType, table: Table, faults: MountFaults
    ) -> None:
        self._declared = declared
        self._table = table
        self._faults = faults
        columns = [
            _Column(schema, declared, attribute) for attribute in declared.attributes.values()
        ]
        # A tuple for each column: attribute look-ups for every cell would be slower.
        self._readers = [
            (column.name, column.known.get, column.known_quoted.get, column) for column in columns
        ]
        names = list(declared.attributes)
        self._key = [names.index(column) for column in declared.key]
        self.has_faults = False
        """Whether the last row that was read has faults, and they were not withdrawn."""
        self._first_fault = 0
        self._faulty: set[str] = set()

    def withdraw_faults(self, needed: frozenset[str]) -> tuple[Problem, ...]:
        """Take back the faults of the last row, and return them; none if they must stay.

        Args:
            needed: The columns without which the row cannot be taken.
        """
        faulty, self._faulty, self.has_faults = self._faulty, set(), False
        return () if faulty & needed else self._faults.withdraw(self._first_fault)

    def read(self, line: int, cells: Cells) -> Row:
        """Return the values of a row; absent, and a fault, for each invalid cell."""
        if self.has_faults:  # of a row before, which stay
            self.has_faults, self._faulty = False, set()
        known_cells = 0
        values: list[Value] = []
        for name, known, known_quoted, column in self._readers:
            cell = cells.get(name)
            if cell is None:
                value = column.default
                if not column.optional:
                    self._missing(line, cells, name)
            else:
                known_cells += 1
                kind = cell.__class__
                value = known(cell) if kind is str else None  # type: ignore[arg-type]  # a list is no `str`
                if kind is Quoted:
                    value = known_quoted(cell)  # type: ignore[arg-type]
                if value is None:
                    value = self._parse(line, cells, column, cell)
            values.append(value)
        if known_cells < len(cells):
            self._refuse_unknown(line, cells)
        return tuple(values)

    def key(self, row: Row) -> Key | None:
        """Return the key of a row, or None if it is invalid."""
        if len(self._key) == 1:
            value = row[self._key[0]]
            return value if isinstance(value, str) else None
        parts = tuple([row[index] for index in self._key])
        return None if None in parts else parts  # type: ignore[return-value]  # columns of keys are str

    def read_key(self, cells: Cells) -> Key | None:
        """Return the key of a row whose key columns are given; None if there is no such key."""
        parts = []
        for index in self._key:
            column = self._readers[index][-1]
            cell = cells.get(column.name)
            try:
                parts.append(column.parse(cell) if cell is not None else None)
            except ValueError:
                return None
        key = tuple(parts)
        if not all(isinstance(part, str) for part in key):
            return None
        return key if len(key) > 1 else key[0]  # type: ignore[return-value]  # they are texts

    def id_text(self, cells: Cells) -> str:
        """Return the id of a row with a valid key, as its source writes it."""
        return "/".join(str(cells[column]) for column in self._declared.key)

    def _parse(self, line: int, cells: Cells, column: _Column, cell: Cell) -> Value:
        if cell.__class__ is str and is_null(cell):
            if not column.optional:
                self._missing(line, cells, column.name)
            return column.default
        if cell.__class__ is Refused:
            if cell:
                self._add(line, cells, f"column {shown(column.name)} {cell}", column.name)
            return ABSENT
        try:
            value = column.parse(cell)
        except ValueError as error:
            # Faults are logged, and logs must not contain sensitive values.
            message = str(error)
            if column.sensitive:
                for text in [cell] if isinstance(cell, str) else cell:
                    message = message.replace(shown(text), "its value")
            self._add(line, cells, f"column {shown(column.name)}: {message}", column.name)
            return ABSENT
        column.keep(cell, value)
        return value

    def _missing(self, line: int, cells: Cells, name: str) -> None:
        mend = "write it" if self._table.keyed else f"write `{name}: ...`"
        self._add(line, cells, f"column {shown(name)} is missing; {mend}", name)

    def _refuse_unknown(self, line: int, cells: Cells) -> None:
        for name in cells:
            if name not in self._declared.attributes:
                known = self._declared.attributes
                mend = "" if self._faults.full else nearest(name, known)
                self._add(
                    line,
                    cells,
                    f"{shown(name)} is no column of {self._declared.table}"
                    f"{mend or f'; it has {one_of(known)}'}",
                )

    def _add(self, line: int, cells: Cells, message: str, column: str = "") -> None:
        if not self.has_faults:
            self.has_faults, self._first_fault = True, self._faults.count
        self._faulty.add(column)
        if self._table.keyed and not self._faults.full:
            message = f"{row_name(self._declared, self.read_key(cells))}: {message}"
        self._faults.add(self._table.file, line, message)


class _Column:
    """The parser of the cells of one column."""

    __slots__ = (
        "_attribute", "_inner_key", "_is_key", "_max_known", "_schema", "default", "known",
        "known_quoted", "name", "optional", "sensitive",
    )  # fmt: skip

    def __init__(self, schema: Schema, declared: EntityType, attribute: Attribute) -> None:
        self._schema = schema
        self._attribute = attribute
        self._inner_key = attribute.name in declared.key[:-1]
        self._is_key = attribute.name in declared.key
        self.name = attribute.name
        self.optional = attribute.optional
        # A value of the caller precedes the default, so a row does not hold it.
        self.default = ABSENT if attribute.caller else attribute.default
        self.sensitive = attribute.sensitive
        self.known: dict[str, Value] = {}
        self.known_quoted: dict[str, Value] = {}
        refers = attribute.type.kind is Kind.REFERENCE
        self._max_known = MAX_CACHED_KEYS if refers else MAX_CACHED_VALUES

    def keep(self, cell: Cell, value: Value) -> None:
        """Cache the value of a cell: quoted and unquoted texts have different ones."""
        known = self.known_quoted if cell.__class__ is Quoted else self.known
        if isinstance(cell, str) and len(known) < self._max_known:
            known[cell] = value

    def parse(self, cell: Cell) -> Value:
        """Return the value of a cell.

        Raises:
            ValueError: It is invalid. The message begins with the text in backticks.
        """
        value_type = self._attribute.type
        if value_type.kind is Kind.SET and value_type.element and isinstance(cell, list):
            return frozenset([self._scalar(value_type.element, member) for member in cell])
        if not isinstance(cell, str):
            raise ValueError(f"`[...]` is a list; write one {value_type.name}")  # noqa: TRY004 - a fault of the file
        value = self._scalar(value_type, cell)
        if self._attribute.only and value not in self._attribute.only:
            raise ValueError(not_one_of(cell, self._attribute.only))
        if self._is_key and not is_id(cell):
            raise ValueError(f"{shown(cell)} begins or ends with an invisible character; remove it")
        if self._inner_key and isinstance(value, str) and "/" in value:
            raise ValueError(f"{shown(cell)} has a `/`, which divides an id; rename it")
        return value

    def _scalar(self, value_type: ValueType, text: str) -> Scalar:
        value = parse_text(self._schema, value_type, str(text), text.__class__ is Quoted)
        if value is None or isinstance(value, frozenset):
            raise ValueError(f"{shown(text)} is no {value_type.name}; correct it")
        return value
