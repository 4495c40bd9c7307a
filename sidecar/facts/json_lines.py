"""Read the rows of a JSON Lines file: an object on each line, for large tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sidecar.facts.errors import MountFaults
from sidecar.facts.json_cells import cell_of_json, json_fault, parse_json
from sidecar.facts.row_batches import BATCH, Batch, Column, Texts
from sidecar.facts.yaml_events import EMPTY

_NO_ROWS = b"[]"
_MISSING = object()


def read_json_lines(lines: Iterable[bytes], file: str, faults: MountFaults) -> Iterator[Batch]:
    """Yield the rows of a file in batches; add faults for other lines.

    An interrupted writer leaves a truncated file. So a file without rows must contain `[]`, and the
    last line must have an end.
    """
    rows = _rows(lines, file, faults)
    while batch := list(islice(rows, BATCH)):
        names = dict.fromkeys(name for _, row in batch for name in row)
        columns = {name: _column([row.get(name, _MISSING) for _, row in batch]) for name in names}
        yield Batch([number for number, _ in batch], columns)


def _column(values: Sequence[object]) -> Column:
    if {*map(type, values)} == {str}:
        return Texts(values)  # type: ignore[arg-type]  # they are texts
    return [None if value is _MISSING else cell_of_json(value) for value in values]


def _rows(
    lines: Iterable[bytes], file: str, faults: MountFaults
) -> Iterator[tuple[int, dict[str, object]]]:
    number, line, has_rows = 0, b"\n", True
    for number, line in enumerate(lines, 1):
        if number == 1:
            has_rows = line.strip() != _NO_ROWS
            if not has_rows:
                continue
        if not has_rows:
            faults.lose(file, number, "stands after `[]`, which is a file without rows; remove one")
            return
        row = _row(line, file, number, faults)
        if row is not None:
            yield number, row
    if not number:
        faults.lose(file, 0, EMPTY)
    elif has_rows and not line.endswith(b"\n"):
        message = "the last line has no end, so the file may be half-written; end it"
        faults.lose(file, number, message)


def _row(line: bytes, file: str, number: int, faults: MountFaults) -> dict[str, object] | None:
    """Return the values of a line; None, and a fault, if it is no row."""
    try:
        row = parse_json(line)
    except ValueError as error:
        empty = "is empty; remove it" if not line.strip() else ""
        faults.lose(file, number, empty or json_fault(error))
        return None
    if not isinstance(row, dict):
        message = 'this row is not a map; write it as `{"column": value, ...}`'
        faults.lose(file, number, message)
        return None
    return row
