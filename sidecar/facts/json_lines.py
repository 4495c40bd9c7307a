"""Read the rows of a JSON Lines file: an object on each line, for large tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sidecar.facts.errors import MountFaults
from sidecar.facts.json_cells import cell_of_json, json_fault, parse_json
from sidecar.facts.row_parser import Cells, Quoted
from sidecar.facts.yaml_events import EMPTY

_NO_ROWS = b"[]"


def read_json_lines(
    lines: Iterable[bytes], file: str, faults: MountFaults
) -> Iterator[tuple[int, Cells]]:
    """Yield each row of a file with its line; add faults for other lines.

    An interrupted writer leaves a truncated file. So a file without rows must contain `[]`, and the
    last line must have an end.
    """
    number, line, has_rows = 0, b"\n", True
    for number, line in enumerate(lines, 1):
        if number == 1:
            has_rows = line.strip() != _NO_ROWS
            if not has_rows:
                continue
        if not has_rows:
            faults.lose(file, number, "stands after `[]`, which is a file without rows; remove one")
            return
        cells = _cells(line, file, number, faults)
        if cells is not None:
            yield number, cells
    if not number:
        faults.lose(file, 0, EMPTY)
    elif has_rows and not line.endswith(b"\n"):
        message = "the last line has no end, so the file may be half-written; end it"
        faults.lose(file, number, message)


def _cells(line: bytes, file: str, number: int, faults: MountFaults) -> Cells | None:
    """Return the cells of a line; None, and a fault, if it is no row."""
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
    return {
        name: Quoted(value) if value.__class__ is str else cell_of_json(value)
        for name, value in row.items()
    }
