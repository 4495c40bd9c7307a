"""The page *Matrix*: what each role may do, and behind each cell its rules and diagrams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from sidecar.diagram.nodes import FALSE, TRUE, Node
from sidecar.engine.policy import Policy
from sidecar.page.context import Page
from sidecar.page.picture import Picture, draw
from sidecar.page.question import resource_types
from sidecar.page.tasks import Pending, Result, TaskFailedError
from sidecar.review.diagram_text import tree_lines

LONGEST_IN_CELL = 60
"""Characters of a condition that stands in its cell; a longer one stands below the table."""

ANYBODY = "anybody"
YES, NO, DEPENDS = "yes", "no", "depends"


@dataclass(frozen=True, slots=True)
class Cell:
    """When an action is allowed in a column."""

    kind: str
    """``yes``, ``no``, ``depends`` or ``unknown``."""
    text: str
    """What stands in the cell."""


@dataclass(frozen=True, slots=True)
class Row:
    """An action, and its cell in each column."""

    action: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What subjects of one type may do on resources of one type."""

    subject: str
    resource: str
    columns: tuple[str, ...]
    held: tuple[str, ...]
    """When somebody is in a column; empty where that is not said."""
    areas: tuple[tuple[str, tuple[Row, ...]], ...]
    """Actions by what stands before the first dot of their names."""
    legend: tuple[tuple[str, ...], ...]
    """Conditions that are too long for a cell, as alternatives; the first has the number 1."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A diagram of one action."""

    title: str
    sentence: str
    picture: Picture | None
    """None where Oso answers."""
    outline: str


def add(views: Blueprint, page: Page) -> None:
    """Add `/page/matrix` and the page of a cell."""

    @views.get("/page/matrix")
    def matrix() -> str:
        """Show the matrix; without the tools only whether an action depends on anything."""
        policy = page.pairs.current().policy
        told, note = _told(page, policy)
        sheets = map(_sheet, told["sheets"]) if told else _plain_sheets(policy)
        return render_template(
            "page/matrix.html",
            sheets=tuple(sheets),
            note=note,
            is_pending=told is None and not note,
            revision=policy.revision,
        )

    @views.get("/page/matrix/cell")
    def cell() -> str:
        """Show the rules and diagrams of an action."""
        policy = page.pairs.current().policy
        names = [request.args.get(name, "") for name in ("subject", "resource", "action")]
        subject, resource, action = names
        entry = policy.entries.get((subject, resource, action))
        if entry is None:
            raise NotFound("The schema declares no such action of these types.")
        told, note = _told(page, policy)
        column = request.args.get("column", ANYBODY)
        found = _found_cell(told, subject, resource, action, column) if told else None
        return render_template(
            "page/cell.html",
            subject=subject,
            resource=resource,
            action=action,
            column=column,
            cell=found,
            rules=told["rules"].get(" ".join(names), ()) if told else (),
            helpers=_named(told["helpers"], found, column) if told else (),
            note=note,
            is_pending=told is None and not note,
            drawn=tuple(_diagrams(policy, subject, resource, action)),
        )


def _told(page: Page, policy: Policy) -> tuple[Result | None, str]:
    """Return what the tools say, or why they say nothing; neither while they are at work."""
    if isinstance(page.reviewer, str):
        return None, page.reviewer
    try:
        result = page.reviewer.matrix(policy)
    except TaskFailedError as error:
        return None, str(error)
    return (None, "") if isinstance(result, Pending) else (result, "")


def _sheet(told: Mapping[str, Any]) -> Sheet:
    legend: dict[tuple[str, ...], int] = {}
    rows = [
        Row(each["name"], tuple(_cell(cell, legend) for cell in each["cells"]))
        for each in told["actions"]
    ]
    return Sheet(
        subject=told["subject"],
        resource=told["resource"],
        columns=tuple(each["name"] for each in told["columns"]),
        held=tuple(_column_text(each) for each in told["columns"]),
        areas=_areas(rows, told["resource"]),
        legend=tuple(legend),
    )


def _cell(told: Mapping[str, Any], legend: dict[tuple[str, ...], int]) -> Cell:
    kind = told["kind"]
    if kind != DEPENDS:
        return Cell(kind, kind if kind != "unknown" else told["why"])
    text = condition_text(told["when"])
    parts = tuple(map(" and ".join, told["when"]))
    if len(text) <= LONGEST_IN_CELL:
        return Cell(kind, f"if {text}")
    return Cell(kind, f"if [{legend.setdefault(parts, len(legend) + 1)}]")


def condition_text(when: Sequence[Sequence[str]]) -> str:
    """Return a condition in one line.

    Args:
        when: One of these holds, and of each all clauses.
    """
    parts = [" and ".join(clauses) for clauses in when]
    return parts[0] if len(parts) == 1 else "; or ".join(parts)


def _column_text(told: Mapping[str, Any]) -> str:
    return condition_text(told["held"]) if told["held"] else ""


def _areas(rows: Sequence[Row], resource: str) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    def area(row: Row) -> str:
        start, dot, _ = row.action.partition(".")
        return start if dot else resource

    return tuple((name, tuple(found)) for name, found in groupby(rows, area))


def _plain_sheets(policy: Policy) -> Iterator[Sheet]:
    """Yield what the diagrams say at first sight: no, or that it depends."""
    for subject in policy.schema.subjects():
        for resource in resource_types(policy.schema):
            rows = [
                Row(action, (_plain_cell(policy, subject, resource, action),))
                for action in policy.schema.types[resource].actions
            ]
            yield Sheet(
                subject=subject,
                resource=resource,
                columns=(ANYBODY,),
                held=("",),
                areas=_areas(rows, resource),
                legend=(),
            )


def _plain_cell(policy: Policy, subject: str, resource: str, action: str) -> Cell:
    entry = policy.entries[subject, resource, action]
    if entry.granted is FALSE or TRUE in entry.forbids.values():
        return Cell(NO, NO)
    return Cell(DEPENDS, "it depends")


def _found_cell(
    told: Result, subject: str, resource: str, action: str, column: str
) -> Mapping[str, Any] | None:
    """Return a cell of the matrix, with when somebody is in its column; None if there is none."""
    for sheet in told["sheets"]:
        if (sheet["subject"], sheet["resource"]) == (subject, resource):
            columns = [each["name"] for each in sheet["columns"]]
            for each in sheet["actions"]:
                if each["name"] == action and column in columns:
                    place = columns.index(column)
                    held = _column_text(sheet["columns"][place])
                    return {**each["cells"][place], "held": held}
    return None


def _named(
    helpers: Sequence[Mapping[str, Any]], cell: Mapping[str, Any] | None, column: str
) -> list[Mapping[str, Any]]:
    """Return the clauses of rules that a condition names, and those that give the role."""
    if cell is None:
        return []
    said = f"{condition_text(cell.get('when') or [])} {cell['held']}"
    return [
        each
        for each in helpers
        if f"{each['rule']}(" in said or (each["role"] and each["role"] == column)
    ]


def _diagrams(policy: Policy, subject: str, resource: str, action: str) -> Iterator[Drawn]:
    entry, sentences = policy.entries[subject, resource, action], policy.sentences
    yield _drawn(policy, "Is it granted?", "", entry.granted)
    for code, root in entry.forbids.items():
        title, sentence = f"Is it forbidden by {code}?", sentences.reasons.get(code, "")
        yield _drawn(policy, title, sentence, root)
    for code, root in entry.obliges.items():
        title, sentence = f"Does it oblige to {code}?", sentences.obligations.get(code, "")
        yield _drawn(policy, title, sentence, root)


def _drawn(policy: Policy, title: str, sentence: str, root: Node | None) -> Drawn:
    picture = None if root is None else draw(policy.tests, root)
    return Drawn(title, sentence, picture, "\n".join(tree_lines(policy.tests, title, root)))
