"""What the process of a task says of the matrix: cells in words, and clauses with their text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sidecar.bundle import RuleDiagram
from sidecar.diagram.nodes import FALSE
from sidecar.diagram.paths import Literal
from sidecar.review.clauses import texts_of
from sidecar.review.matrix import Cell, Heading, Sheet
from sidecar.review.phrases import either

MOST_LINES = 20
"""Lines of the text of one clause."""


def sheet_data(sheet: Sheet) -> dict[str, Any]:
    """Return a sheet as plain data."""
    return {
        "subject": sheet.subject,
        "resource": sheet.resource,
        "columns": [{"name": column.name, "held": _held(column)} for column in sheet.columns],
        "actions": [
            {"name": action, "cells": list(map(_cell, sheet.all_told(action)))}
            for action in sheet.cells
        ],
    }


def _held(column: Heading) -> tuple[tuple[str, ...], ...]:
    if column.unlisted:
        return ((f"not listed: {column.unlisted}",),)
    if column.relations:
        return ((f"has this role on the {either(column.relations)}",),)
    return texts_of(column.held)


def _cell(cell: Cell) -> dict[str, Any]:
    match cell.allowed:
        case "unknown":
            return {"kind": "unknown", "why": "Oso is asked"}
        case "not listed":
            return {"kind": "unknown", "why": f"not listed: {cell.why}"}
        case "always":
            return {"kind": "yes"}
        case "never":
            return {"kind": "no"}
        case _:
            return {"kind": "depends", "when": cell.texts}


def rules_by_action(
    explored: Sequence[RuleDiagram], texts: Mapping[str, str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the clauses about each action, by subject type, resource type and action.

    Args:
        explored: The diagrams of single clauses.
        texts: Of the policy files.
    """
    found: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for each in _useful(explored):
        for action in {each.action, *_literals(each, "name "), *_literals(each, "str ")}:
            if action:
                key = f"{each.subject} {each.resource} {action}"
                found.setdefault(key, {})[each.file, each.line] = _clause(each, texts)
    return {key: [clauses[place] for place in sorted(clauses)] for key, clauses in found.items()}


def helpers(explored: Sequence[RuleDiagram], texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return all other clauses, each once, with the role that it gives if it gives one."""
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    for each in _useful(explored):
        if each.action is None:
            for role in [*_literals(each, "str "), ""][:1]:
                clause = {**_clause(each, texts), "role": role if each.rule == "has_role" else ""}
                found[each.file, each.line, clause["role"]] = clause
    return [found[key] for key in sorted(found)]


def _useful(explored: Sequence[RuleDiagram]) -> Iterator[RuleDiagram]:
    """Yield the clauses that hold anywhere."""
    return (each for each in explored if each.file and each.root is not FALSE)


def _literals(each: RuleDiagram, kind: str) -> list[str]:
    literals = [operand.text for operand in each.operands if isinstance(operand, Literal)]
    return [text.removeprefix(kind) for text in literals if text.startswith(kind)]


def _clause(each: RuleDiagram, texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "rule": each.rule,
        "file": each.file,
        "line": each.line,
        "text": _statement(texts.get(each.file, ""), each.line),
    }


def _statement(text: str, line: int) -> str:
    """Return the lines of a statement, up to the one with its semicolon."""
    found = []
    for written in text.splitlines()[line - 1 : line - 1 + MOST_LINES]:
        found.append(written)
        if ";" in written.partition("#")[0]:
            break
    return "\n".join(found)
