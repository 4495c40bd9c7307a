"""The output of `sidecar matrix`: as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.cli.formats import in_cell, in_line_of_markdown, indented
from sidecar.review.clauses import plain
from sidecar.review.matrix import (
    ALWAYS,
    NEVER,
    SAME,
    SOMETIMES,
    UNKNOWN,
    UNLISTED,
    Cell,
    Explained,
    Heading,
    Sheet,
)
from sidecar.review.named_rules import OBLIGATION, REASON
from sidecar.review.phrases import either
from sidecar.schema.messages import in_line

_MARKS = {ALWAYS: "yes", NEVER: "-", SAME: "=", UNKNOWN: "asks Oso", UNLISTED: "not listed"}


class _Legend:
    """The numbers of conditions, each listed once for a sheet."""

    def __init__(self) -> None:
        self.numbers: dict[Cell, int] = {}

    def mark(self, cell: Cell) -> str:
        """Return the text of a cell."""
        if cell.allowed != SOMETIMES:
            return _MARKS[cell.allowed]
        return f"[{self.numbers.setdefault(cell, len(self.numbers) + 1)}]"


# --- as text ----------------------------------------------------------------------------------


def as_text(sheets: Sequence[Sheet]) -> Iterator[str]:
    """Yield the lines of the text; a name that several sheets use is explained on the first."""
    told: set[tuple[object, ...]] = set()
    for index, sheet in enumerate(sheets):
        if index:
            yield ""
        yield from _sheet_text(sheet, told)


def _sheet_text(sheet: Sheet, told: set[tuple[object, ...]]) -> Iterator[str]:
    legend = _Legend()
    rows = [["", *(column.name for column in sheet.columns)]]
    rows += [[in_line(name), *map(legend.mark, cells)] for name, cells in sheet.cells.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield f"{sheet.resource}, for {sheet.subject}"
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()
    if any(cell.allowed == SAME for cells in sheet.cells.values() for cell in cells):
        yield "=: as without a role"
    for cell, number in legend.numbers.items():
        yield f"[{number}]"
        yield from _condition(cell)
    yield from _several(sheet)
    yield from _held(sheet)
    for each in _untold(sheet, told):
        yield _title(each, sheet) + (":" if each.when else "")
        yield from indented(each.when)


def _several(sheet: Sheet) -> Iterator[str]:
    for action, (more, less) in sheet.together.items():
        for verb, conditions in (("may", more), ("may not", less)):
            if conditions:
                yield f"several roles {verb} {in_line(action)}"
                yield from indented(conditions)


def _untold(sheet: Sheet, told: set[tuple[object, ...]]) -> Iterator[Explained]:
    """Yield what a sheet explains, without the rules that an earlier one has explained."""
    for each in sheet.explained:
        if each.key not in told:
            told |= {each.key} if each.types else set()
            yield each


def _condition(cell: Cell) -> Iterator[str]:
    if cell.unless:
        yield f"  unless {_codes(cell)}"
    if cell.when != ((),):
        yield from indented(cell.when)


def _codes(cell: Cell) -> str:
    return either([f"`{code}`" for code in cell.unless])


def _held(sheet: Sheet) -> Iterator[str]:
    """Yield who has the roles; of roles on something else in one line."""
    elsewhere: dict[tuple[str, ...], list[str]] = {}
    for column in sheet.columns:
        if column.relations:
            elsewhere.setdefault(column.relations, []).append(column.name)
        elif column.held:
            yield f"{_heading(column)}:"
            yield from indented(column.held)
        elif column.unlisted:
            yield f"{column.name}: not listed, {column.unlisted}"
    for relations, names in elsewhere.items():
        yield f"{', '.join(names)}: roles on the {either(relations)}"


def _heading(column: Heading) -> str:
    return (
        f"{column.name}, with all of {', '.join(column.brings)}" if column.brings else column.name
    )


def _title(explained: Explained, sheet: Sheet) -> str:
    of = f" ({_actions(explained.actions, sheet)})" if explained.actions else ""
    kind = {REASON: "forbidden, ", OBLIGATION: "with the obligation "}.get(explained.kind, "")
    unlisted = f": not listed, {explained.unlisted}" if explained.unlisted else ""
    return f"{kind}{explained.title}{of}{unlisted}"


def _actions(actions: Sequence[str], sheet: Sheet) -> str:
    """Return actions in a line; those that are left out where these are fewer."""
    others = [each for each in sheet.cells if each not in actions]
    if not others:
        return "every action"
    if len(others) < len(actions):
        return f"every action but {', '.join(map(in_line, others))}"
    return ", ".join(map(in_line, actions))


# --- as Markdown ------------------------------------------------------------------------------


def as_markdown(sheets: Sequence[Sheet]) -> Iterator[str]:
    """Yield the lines of Markdown for a pull request."""
    told: set[tuple[object, ...]] = set()
    for sheet in sheets:
        legend = _Legend()
        yield f"### {sheet.resource}, for {sheet.subject}"
        yield ""
        yield f"| | {' | '.join(in_cell(column.name) for column in sheet.columns)} |"
        yield f"|---|{'---|' * len(sheet.columns)}"
        for action, cells in sheet.cells.items():
            yield f"| `{in_cell(action)}` | {' | '.join(map(legend.mark, cells))} |"
        yield ""
        for cell, number in legend.numbers.items():
            unless = f"unless {_codes(cell)} " if cell.unless else ""
            when = "" if cell.when == ((),) else _either(cell.when)
            yield f"- [{number}] {unless}{when}".rstrip()
        for column in sheet.columns:
            if column.held:
                yield f"- **{in_cell(_heading(column))}**: {_either(column.held)}"
        for each in _untold(sheet, told):
            yield f"- **{in_cell(_title(each, sheet))}**: {_either(each.when)}"
        yield ""


def _either(alternatives: Sequence[Sequence[object]]) -> str:
    return "; or ".join(map(in_line_of_markdown, alternatives))


# --- as JSON ----------------------------------------------------------------------------------


def as_plain(sheets: Sequence[Sheet]) -> dict[str, object]:
    """Return the sheets as JSON."""
    return {"version": 1, "sheets": list(map(_sheet, sheets))}


def _sheet(sheet: Sheet) -> dict[str, object]:
    return {
        "subject": sheet.subject,
        "resource": sheet.resource,
        "columns": [
            {
                "name": column.name,
                "brings": column.brings,
                "relations": column.relations,
                "held_when": None if column.unlisted else plain(column.held),
            }
            for column in sheet.columns
        ],
        "actions": [
            {"name": action, "cells": list(map(_cell, cells))}
            for action, cells in sheet.cells.items()
        ],
        "together": [
            {"action": action, "allowed_when": plain(more), "denied_when": plain(less)}
            for action, (more, less) in sheet.together.items()
        ],
        "names": [
            {
                "name": each.title,
                "kind": each.kind,
                "actions": each.actions,
                "when": None if each.unlisted else plain(each.when),
            }
            for each in sheet.explained
        ],
    }


def _cell(cell: Cell) -> dict[str, object]:
    return {
        "allowed": cell.allowed,
        "when": plain(cell.when) if cell.allowed in {ALWAYS, NEVER, SOMETIMES} else None,
        "unless": cell.unless,
    }
