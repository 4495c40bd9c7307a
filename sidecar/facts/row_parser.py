"""Parse the rows of any source: texts become values of the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import TypeAlias

from sidecar.errors import Problem
from sidecar.facts.column_parser import ColumnParser, MissingError
from sidecar.facts.errors import MountFaults
from sidecar.facts.row_batches import (
    Batch,
    Cell,
    Cells,
    Quoted,
    Refused,
    batches_of,
    rows_of,
)
from sidecar.schema import (
    ABSENT,
    EntityType,
    Key,
    Schema,
    Value,
    id_of,
)
from sidecar.schema.messages import nearest, one_of, shown
from sidecar.schema.secrecy import names_secret

Row: TypeAlias = tuple[Value, ...]
"""The values of one entity, in the order of `EntityType.attributes`."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one type, each with its line, and their file or table for faults."""

    file: str
    rows: Iterable[tuple[int, Cells]]
    keyed: bool = False
    """Whether the rows have no lines (they are all 0), so that faults name a row by its id."""
    batches: Iterable[Batch] | None = None
    """The rows in batches, if the source has them so; either these are iterated or `rows`."""

    @classmethod
    def of(cls, file: str, batches: Iterable[Batch], *, keyed: bool = False) -> Table:
        """Return a table of rows in batches."""
        return cls(file, rows_of(batches), keyed, batches)


def row_name(schema: Schema, declared: EntityType, key: Key | None) -> str:
    """Return a row without a line as faults begin with it; sensitive keys are left out."""
    if key is None:
        return "a row without a valid key"
    return "a row" if names_secret(schema, declared) else f"row {shown(id_of(key))}"


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
        self._schema = schema
        self._declared = declared
        self._table = table
        self._faults = faults
        columns = [
            ColumnParser(schema, declared, attribute) for attribute in declared.attributes.values()
        ]
        # A tuple for each column: attribute look-ups for every cell would be slower.
        self._readers = [
            (column.name, column.known.get, column.known_quoted.get, column) for column in columns
        ]
        names = list(declared.attributes)
        self._key = [names.index(column) for column in declared.key]
        self.key = _key_getter(self._key)
        """Returns the key of a row, or None if it is invalid."""
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

    def rows(self, *, with_ids: bool = False) -> Iterator[tuple[int, Row, str]]:
        """Yield the values of each row of the table as `read` returns them.

        Args:
            with_ids: Whether the id is needed as the source writes it.

        Yields:
            The line, the values, and the id; it is empty if it is invalid or not needed.
        """
        table = self._table
        for batch in batches_of(table.rows) if table.batches is None else table.batches:
            values = self._faultless(batch)
            if values is not None:
                self.has_faults, self._faulty = False, set()
                ids = self._ids(batch) if with_ids else repeat("")
                yield from zip(batch.lines, values, ids, strict=False)
                continue
            for line, cells in batch.rows():
                row = self.read(line, cells)
                is_needed = with_ids and self.key(row) is not None
                yield line, row, self.id_text(cells) if is_needed else ""

    def _ids(self, batch: Batch) -> Iterable[str]:
        columns = [batch.columns[name] for name in self._declared.key]
        return map("/".join, zip(*columns, strict=True))

    def _faultless(self, batch: Batch) -> Sequence[Row] | None:
        """Return the values of rows, read column by column; None if one of them has a fault."""
        if not batch.columns.keys() <= self._declared.attributes.keys():
            return None
        columns: list[Sequence[Value]] = []
        for name, _, _, column in self._readers:
            cells = batch.columns.get(name)
            if cells is None and not column.optional:
                return None
            try:
                absent = [column.default] * len(batch.lines)
                columns.append(absent if cells is None else column.values(cells))
            except ValueError:
                return None
        return list(zip(*columns, strict=True))

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

    def _parse(self, line: int, cells: Cells, column: ColumnParser, cell: Cell) -> Value:
        try:
            return column.value(cell)
        except MissingError:
            self._missing(line, cells, column.name)
            return column.default
        except ValueError as error:
            if cell.__class__ is Refused:
                if cell:
                    self._add(line, cells, f"column {shown(column.name)} {cell}", column.name)
                return ABSENT
            # Faults are logged, and logs must not contain sensitive values.
            message = str(error)
            if column.sensitive:
                for text in [cell] if isinstance(cell, str) else cell:
                    message = message.replace(shown(text), "its value")
            self._add(line, cells, f"column {shown(column.name)}: {message}", column.name)
            return ABSENT

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
            message = f"{row_name(self._schema, self._declared, self.read_key(cells))}: {message}"
        self._faults.add(self._table.file, line, message)


def _key_getter(columns: Sequence[int]) -> Callable[[Row], Key | None]:
    get = itemgetter(*columns)
    if len(columns) == 1:
        return lambda row: value if isinstance(value := get(row), str) else None
    return lambda row: None if None in (parts := get(row)) else parts
