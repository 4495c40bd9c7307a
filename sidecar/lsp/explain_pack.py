"""A program that prints what hovers show of a pack, as JSON.

`python -m sidecar.lsp.explain_pack POLICIES FIXTURES`, in a process that the server can end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from sidecar.lsp.explanations import Explanations, MatrixCell, MatrixRow, RuleRow
from sidecar.review.matrix import ALWAYS, NEVER, UNKNOWN, UNLISTED, Cell, Sheet, matrix
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.review.rule_conditions import rule_conditions


def explain_pack(policies: Path, fixtures: Path) -> Explanations:
    """Explain a pack.

    Raises:
        InvalidPackError: It cannot be used.
    """
    place = PackPlace(NOW, policies, fixtures)
    rules = (
        RuleRow(each.file, each.line, each.column, each.subject, each.resource, each.when)
        for each in rule_conditions(place.load())
    )
    rows = (row for sheet in matrix(place) for row in _rows(sheet))
    return Explanations(tuple(rows), tuple(rules))


def _rows(sheet: Sheet) -> Iterator[MatrixRow]:
    columns = tuple(column.name for column in sheet.columns)
    for action in sheet.cells:
        texts = tuple(map(_cell, sheet.all_told(action)))
        yield MatrixRow(sheet.subject, sheet.resource, action, columns, texts)


_WORDS = {UNKNOWN: "asks Oso", UNLISTED: "not listed", ALWAYS: "yes", NEVER: "-"}


def _cell(cell: Cell) -> MatrixCell:
    word = _WORDS.get(cell.allowed)
    return MatrixCell("sometimes", cell.texts) if word is None else MatrixCell(word)


if __name__ == "__main__":
    explained = explain_pack(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.buffer.write(msgspec.json.encode(explained))
