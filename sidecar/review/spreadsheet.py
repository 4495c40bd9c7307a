"""Lines of CSV that are safe in a spreadsheet, whatever a mount or a policy is called."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable
from io import StringIO

_FORMULA = ("=", "+", "-", "@")
"""With what a cell begins that a spreadsheet evaluates."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@ -]*").fullmatch
"""Most cells, which need neither quotes nor a sign; a report has millions of them."""


def csv_line(cells: Iterable[str]) -> str:
    """Return a line without its end."""
    texts = list(cells)
    if all(map(_PLAIN, texts)):
        return ",".join(texts)
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(map(cell, texts))
    return line.getvalue()


def cell(text: str) -> str:
    """Return a text for a cell of a spreadsheet, which evaluates none that begins with `'`."""
    line = text if text.isprintable() else json.dumps(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line
