"""Lines of CSV that are safe in a spreadsheet, whatever a mount or a policy is called."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from io import StringIO

_FORMULA = ("=", "+", "-", "@")
"""With what a cell begins that a spreadsheet evaluates."""


def csv_line(cells: Iterable[str]) -> str:
    """Return a line without its end."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(map(cell, cells))
    return line.getvalue()


def cell(text: str) -> str:
    """Return a text for a cell of a spreadsheet, which evaluates none that begins with `'`."""
    line = text if text.isprintable() else json.dumps(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line
