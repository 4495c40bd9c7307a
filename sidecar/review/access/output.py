"""An access report as text, CSV and JSON, line by line as its rows are made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from sidecar.model import Reference
from sidecar.review.access import words
from sidecar.review.access.grounds import GivenBy
from sidecar.review.access.pair_access import PairAccess
from sidecar.review.access.report import AccessReport, AccessRow, Summary
from sidecar.review.spreadsheet import csv_line
from sidecar.schema.instants import instant_text

VERSION = 1
"""Of the JSON; it grows with each change that a reader would notice."""
WIDTH = 100
"""Characters of a line of text."""
COLUMNS = (
    "subject_type",
    "subject",
    "resource_type",
    "resource",
    "roles",
    "allowed",
    "allowed_with_condition",
    "obligations",
    "rules",
    "rows",
    "at",
    "policy_revision",
    "facts_revision",
)


def heading(report: AccessReport) -> tuple[str, ...]:
    """Return of what a report is, in lines."""
    selected = report.selected
    about = [
        f"{name} {value}"
        for name, value in (
            ("subject", selected.subject and words.reference(selected.subject)),
            ("action", selected.action and words.plain(selected.action)),
            ("resource", selected.resource and words.reference(selected.resource)),
            ("type", selected.resource_type and words.plain(selected.resource_type)),
        )
        if value
    ]
    return (
        f"access at {instant_text(report.now)}{''.join(f', {each}' for each in about)}",
        f"policy revision {report.policy.revision}, facts revision {report.snapshot.revision}",
    )


def closing(summary: Summary) -> Iterator[str]:
    """Yield what became of a report, in lines."""
    rows = "1 row" if summary.rows == 1 else f"{summary.rows:,} rows"
    subjects = len(summary.subjects)
    yield f"{rows} of {subjects:,} subject{'' if subjects == 1 else 's'}"
    if summary.unreadable:
        yield f"denied because a row breaks the schema: {summary.unreadable:,} pairs"
    for sentence in summary.unlisted:
        yield f"incomplete: {sentence}"
    for sentence in summary.left_out:
        yield f"not in this report: {sentence}"


def as_text(report: AccessReport) -> Iterator[str]:
    """Yield the lines of a text."""
    yield from heading(report)
    texts: dict[PairAccess, tuple[str, list[str]]] = {}

    def form(row: AccessRow) -> str:
        if row.access not in texts:
            texts[row.access] = words.roles(row.access), list(_lines(row.access))
        roles, lines = texts[row.access]
        first = f"{words.pair(row)}{f'  {roles}' if roles else ''}"
        more = wrapped("from", words.rows(row.rows)) if row.rows else []
        return "\n".join(["", first, *lines, *more])

    yield from report.formatted(form)
    yield ""
    yield from closing(report.summary)


def _lines(access: PairAccess) -> Iterator[str]:
    if certain := words.certain(access):
        yield from wrapped("may", certain)
    for each in words.conditional(access):
        yield from wrapped("may", each)
    for each in words.obligations(access):
        yield from wrapped("must", each)
    yield from wrapped("by", words.rules(access))


def wrapped(name: str, text: str) -> list[str]:
    """Return the lines of one part of a row, behind its name."""
    start, more = f"  {name:7} ", " " * 10
    return wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_csv(report: AccessReport) -> Iterator[str]:
    """Yield the lines of a CSV; a cell that a spreadsheet would evaluate begins with `'`."""
    made = (instant_text(report.now), report.policy.revision, report.snapshot.revision)
    end = csv_line(made)
    yield csv_line(COLUMNS)
    cells: dict[PairAccess, str] = {}

    def form(row: AccessRow) -> str:
        access = row.access
        if access not in cells:
            cells[access] = csv_line(
                (
                    words.roles(access),
                    ", ".join(each.name for each in access.actions if each.is_certain),
                    "; ".join(words.conditional(access)),
                    "; ".join(words.obligations(access)),
                    words.rules(access),
                )
            )
        subject, resource = row.subject, row.resource
        names = (subject.type, subject.id, resource.type, resource.id)
        return f"{csv_line(names)},{cells[access]},{csv_line((words.rows(row.rows),))},{end}"

    yield from report.formatted(form)


def as_json(report: AccessReport) -> Iterator[str]:
    """Yield the lines of a JSON document, with a line for each row."""
    selected = report.selected
    head = {
        "version": VERSION,
        "report": "access",
        "at": instant_text(report.now),
        "policy_revision": report.policy.revision,
        "facts_revision": report.snapshot.revision,
        "subject": selected.subject and entity(selected.subject),
        "action": selected.action,
        "resource": selected.resource and entity(selected.resource),
        "resource_type": selected.resource_type,
    }
    yield f"{json.dumps(head, ensure_ascii=False, indent=2)[:-2]},"
    yield '  "rows": ['
    parts: dict[PairAccess, str] = {}

    def form(row: AccessRow) -> str:
        if row.access not in parts:
            parts[row.access] = json.dumps(_access(row.access), ensure_ascii=False)[1:]
        names = {
            "subject": entity(row.subject),
            "resource": entity(row.resource),
            "rows": [entity(each) for each in row.rows],
        }
        return f"    {json.dumps(names, ensure_ascii=False)[:-1]}, {parts[row.access]}"

    before = ""
    for text in report.formatted(form):
        if before:
            yield f"{before},"
        before = text
    if before:
        yield before
    summary = report.summary
    tail = {
        "subjects": len(summary.subjects),
        "unreadable": summary.unreadable,
        "incomplete": list(summary.unlisted),
        "left_out": list(summary.left_out),
    }
    yield f"  ],\n{json.dumps(tail, ensure_ascii=False, indent=2)[2:]}"


def _access(access: PairAccess) -> dict[str, Any]:
    return {
        "roles": list(access.roles),
        "actions": [
            {
                "name": each.name,
                "when": None if each.is_certain else [list(clauses) for clauses in each.when],
                "more_conditions": each.unlisted,
                "obligations": list(each.obligations),
                "given_by": [_rule(rule) for rule in each.given_by],
                "through": [_rule(rule) for rule in each.through],
            }
            for each in access.actions
        ],
    }


def _rule(rule: GivenBy) -> dict[str, object]:
    return {
        "file": rule.file,
        "line": rule.line,
        "rule": rule.rule,
        "name": rule.name or None,
    }


def entity(reference: Reference) -> dict[str, str]:
    """Return an entity as a JSON object."""
    return {"type": reference.type, "id": reference.id}
