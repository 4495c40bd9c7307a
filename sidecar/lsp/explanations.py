"""What hovers show of a compiled pack: the rows of the matrix, and when each rule holds."""

from __future__ import annotations

from msgspec import Struct

Clauses = tuple[tuple[str, ...], ...]
"""In words: one of these applies, and of it everything holds."""


class MatrixCell(Struct, frozen=True):
    """When an action is allowed in a column."""

    text: str
    """`yes`, `-`, or that it depends."""
    when: Clauses = ()
    """The conditions, where it depends."""


class MatrixRow(Struct, frozen=True):
    """One action of one type, for one type of subject."""

    subject: str
    resource: str
    action: str
    columns: tuple[str, ...]
    cells: tuple[MatrixCell, ...]


class RuleRow(Struct, frozen=True):
    """When one rule holds for a pair of types."""

    file: str
    line: int
    column: int
    subject: str
    resource: str
    when: Clauses


class Explanations(Struct, frozen=True):
    """All that is shown of one pack."""

    rows: tuple[MatrixRow, ...]
    rules: tuple[RuleRow, ...]
