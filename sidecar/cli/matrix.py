"""`sidecar matrix`: the permissions of each role, and their conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import (
    JSON,
    MARKDOWN,
    TEXT,
    in_cell,
    in_line_of_markdown,
    indented,
    output_options,
    print_json,
)
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.review.matrix import NO, YES, Cell, Clauses, Sheet, Unlisted, matrix
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.review.phrases import either
from sidecar.schema.messages import in_line


@main.command("matrix")
@click.option(
    "--golden",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare with the approved matrix in FILE; status 1 if a line differs.",
)
@output_options(JSON, MARKDOWN)
@setting_options(PACK)
def matrix_command(golden: Path | None, output: str, **given: object) -> None:
    """Show the permissions of each role on each type of resource, and their conditions.

    Keep its output in a file beside the policies: a change of access is then a line in a diff.
    """
    settings = pack_settings(given)
    sheets = matrix(PackPlace(NOW, settings.policies, settings.fixtures))
    unlisted = [sentence for sheet in sheets for sentence in sheet.unlisted]
    for sentence in unlisted:
        click.echo(f"error: not listed: {sentence}", err=True)
    status = EXIT_TROUBLE if unlisted else EXIT_YES
    if output == JSON:
        print_json([_as_json(sheet) for sheet in sheets])
        raise SystemExit(status)
    lines = list((_markdown if output == MARKDOWN else _text)(sheets))
    if golden is None:
        for line in lines:
            click.echo(line)
        raise SystemExit(status)
    if output != TEXT:
        raise click.UsageError("--golden compares text; leave --markdown out")
    try:
        approved = golden.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"the approved matrix `{golden}` cannot be read: {error}"
        raise click.UsageError(message) from error
    changed = list(unified_diff(approved, lines, str(golden), "now", lineterm="", n=0))
    for line in changed:
        click.echo(line)
    raise SystemExit(status or (EXIT_NO if changed else EXIT_YES))


class _Legend:
    """The numbers of conditions, each listed once for a sheet."""

    def __init__(self) -> None:
        self.numbers: dict[Clauses, int] = {}

    def mark(self, cell: Cell) -> str:
        """Return the text of a cell."""
        if cell is None:
            return "asks Oso"
        if isinstance(cell, Unlisted):
            return "not listed"
        if cell == YES:
            return "yes"
        if cell == NO:
            return "-"
        return f"[{self.numbers.setdefault(cell, len(self.numbers) + 1)}]"


def _text(sheets: Sequence[Sheet]) -> Iterator[str]:
    for index, sheet in enumerate(sheets):
        if index:
            yield ""
        legend = _Legend()
        rows = [["", *sheet.columns]]
        rows += [[in_line(name), *map(legend.mark, cells)] for name, cells in sheet.cells.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        yield f"{sheet.resource}, for {sheet.subject}"
        for row in rows:
            cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
            yield f"  {'  '.join(cells)}".rstrip()
        for column, held in _columns(sheet):
            if isinstance(held, Unlisted):
                yield f"{column}: not listed, {held.why}"
            elif held not in {YES, NO}:
                yield f"{column}:"
                yield from indented(held)
        for cell, number in legend.numbers.items():
            yield f"[{number}]"
            yield from indented(cell)


def _markdown(sheets: Sequence[Sheet]) -> Iterator[str]:
    for sheet in sheets:
        legend = _Legend()
        yield f"### {sheet.resource}, for {sheet.subject}"
        yield ""
        yield f"| | {' | '.join(map(in_cell, sheet.columns))} |"
        yield f"|---|{'---|' * len(sheet.columns)}"
        for action, cells in sheet.cells.items():
            yield f"| `{in_cell(action)}` | {' | '.join(map(legend.mark, cells))} |"
        yield ""
        for column, held in _columns(sheet):
            if isinstance(held, Unlisted):
                yield f"- **{column}**: not listed, {held.why}"
            elif held not in {YES, NO}:
                yield f"- **{column}**: {'; or '.join(map(in_line_of_markdown, held))}"
        for cell, number in legend.numbers.items():
            yield f"- [{number}] {'; or '.join(map(in_line_of_markdown, cell))}"
        yield ""


def _columns(sheet: Sheet) -> Iterator[tuple[str, Clauses | Unlisted]]:
    """Yield each column, without whom it is meant, and when somebody is in it."""
    for column, above, held in zip(sheet.columns, sheet.above, sheet.held, strict=True):
        yield f"{column}, without {either(above)}" if above else column, held


def _as_json(sheet: Sheet) -> dict[str, object]:
    return {
        "subject": sheet.subject,
        "resource": sheet.resource,
        "columns": [
            {
                "name": column,
                "without": above,
                "held_when": None if isinstance(held, Unlisted) else held,
            }
            for column, above, held in zip(sheet.columns, sheet.above, sheet.held, strict=True)
        ],
        "actions": [
            {
                "name": action,
                "cells": [
                    {
                        "allowed": _allowed(cell),
                        "when": None if isinstance(cell, Unlisted) else cell,
                    }
                    for cell in cells
                ],
            }
            for action, cells in sheet.cells.items()
        ],
    }


def _allowed(cell: Cell) -> str:
    if cell is None:
        return "unknown"
    if isinstance(cell, Unlisted):
        return "not listed"
    if cell == YES:
        return "always"
    return "never" if cell == NO else "sometimes"
