"""The report of unused entitlements as text, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sidecar.review.access import words
from sidecar.review.access.output import VERSION, closing, entity, heading, wrapped
from sidecar.review.access.unused import UnusedReport, UnusedRow
from sidecar.review.spreadsheet import csv_line
from sidecar.schema.instants import instant_text

COLUMNS = (
    "subject_type",
    "subject",
    "resource_type",
    "resource",
    "roles",
    "unused",
    "nothing_used",
    "rules",
    "rows",
    "log_from",
    "log_to",
)


def as_text(report: UnusedReport) -> Iterator[str]:
    """Yield the lines of a text."""
    first, *more = heading(report.access)
    yield first.replace("access", "unused", 1)
    yield from more
    yield report.use.heading()
    for found in report.rows():
        row = found.row
        roles = words.roles(row.access)
        yield ""
        yield words.pair(row) + (f"  {roles}" if roles else "")
        yield from wrapped("unused", _unused(found))
        yield from wrapped("by", words.rules(row.access))
        if row.rows:
            yield from wrapped("from", words.rows(row.rows))
    yield ""
    yield from _totals(report)


def _unused(found: UnusedRow) -> str:
    count = len(found.actions)
    if found.is_whole and count > 1:
        return f"everything, {count} actions: {words.by_area(found.actions)}"
    return words.by_area(found.actions)


def _totals(report: UnusedReport) -> Iterator[str]:
    yield f"{report.unused:,} of {report.entitlements:,} entitlements were not used"
    yield (
        f"{report.rows_with_unused:,} of {report.access.summary.rows:,} rows have unused ones;"
        f" of {report.whole_rows:,} nothing was used"
    )
    never = {group: use for group, use in report.groups.items() if use.never}
    if never:
        yield "used by nobody, whoever has it by this role or rule:"
    for (role, resource), use in sorted(never.items()):
        rows = "1 row" if use.rows == 1 else f"{use.rows:,} rows"
        whole = "everything, " if len(use.never) == len(use.held) else ""
        start = f"{words.plain(role)} on {words.plain(resource)}, {rows}"
        yield from wrapped("", f"{start}: {whole}{words.by_area(use.never)}")
    for doubt in report.use.doubts:
        yield f"the log may lack use: {doubt}"
    yield from closing(report.access.summary)


def as_csv(report: UnusedReport) -> Iterator[str]:
    """Yield the lines of a CSV, as safe as that of an access report."""
    yield csv_line(COLUMNS)
    period = [instant_text(each) if each else "" for each in (report.use.first, report.use.last)]
    for found in report.rows():
        row = found.row
        yield csv_line(
            (
                row.subject.type,
                row.subject.id,
                row.resource.type,
                row.resource.id,
                words.roles(row.access),
                ", ".join(found.actions),
                "yes" if found.is_whole else "no",
                words.rules(row.access),
                words.rows(row.rows),
                *period,
            )
        )


def as_json(report: UnusedReport) -> Iterator[str]:
    """Yield the lines of a JSON document, with a line for each row."""
    use, access = report.use, report.access
    head = {
        "version": VERSION,
        "report": "unused",
        "at": instant_text(access.now),
        "policy_revision": access.policy.revision,
        "facts_revision": access.snapshot.revision,
        "log": {
            "from": use.first and instant_text(use.first),
            "to": use.last and instant_text(use.last),
            "lines": dict(sorted(use.kinds.items())),
        },
    }
    yield f"{json.dumps(head, ensure_ascii=False, indent=2)[:-2]},"
    yield '  "rows": ['
    before = ""
    for found in report.rows():
        if before:
            yield f"{before},"
        members = {
            "subject": entity(found.row.subject),
            "resource": entity(found.row.resource),
            "roles": list(found.row.access.roles),
            "unused": list(found.actions),
            "nothing_used": found.is_whole,
            "rows": [entity(each) for each in found.row.rows],
        }
        before = f"    {json.dumps(members, ensure_ascii=False)}"
    if before:
        yield before
    tail = {
        "entitlements": report.entitlements,
        "unused": report.unused,
        "used_by_nobody": [
            {"by": role, "resource": resource, "rows": each.rows, "actions": list(each.never)}
            for (role, resource), each in sorted(report.groups.items())
            if each.never
        ],
        "doubts": list(report.doubts),
        "left_out": list(access.summary.left_out),
    }
    yield f"  ],\n{json.dumps(tail, ensure_ascii=False, indent=2)[2:]}"
