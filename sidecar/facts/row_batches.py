"""Rows of a source column by column, which are read in half the time of rows one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias

BATCH = 512
"""Rows that are read together."""


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


class Texts(list[str]):
    """The cells of a column that are all marked as text, as if each was `Quoted`."""


Column: TypeAlias = Sequence[Cell | None]
"""The cells of a column; None where a row lacks it."""


class Batch(NamedTuple):
    """Some rows of a source."""

    lines: Sequence[int]
    columns: Mapping[str, Column]

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """Yield each row with its line."""
        columns = [
            [*map(Quoted, cells)] if cells.__class__ is Texts else cells
            for cells in self.columns.values()
        ]
        for line, *cells in zip(self.lines, *columns, strict=True):
            named = zip(self.columns, cells, strict=True)
            yield line, {name: cell for name, cell in named if cell is not None}


def batches_of(rows: Iterable[tuple[int, Cells]]) -> Iterator[Batch]:
    """Yield rows in batches."""
    remaining = iter(rows)
    while found := list(islice(remaining, BATCH)):
        cells = [each for _, each in found]
        names = dict.fromkeys(name for each in cells for name in each)
        columns = {name: [each.get(name) for each in cells] for name in names}
        yield Batch([line for line, _ in found], columns)


def rows_of(batches: Iterable[Batch]) -> Iterator[tuple[int, Cells]]:
    """Yield each row of batches with its line."""
    for batch in batches:
        yield from batch.rows()
