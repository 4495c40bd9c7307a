"""`sidecar access`: who may do what, by which rule and from which row."""

from __future__ import annotations

from datetime import datetime

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import CSV, JSON, SHEET, output_options
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import clock
from sidecar.cli.progress import Progress
from sidecar.cli.selection import access_report, selecting_options
from sidecar.model import Reference
from sidecar.review.access.output import as_csv, as_json, as_text
from sidecar.review.access.sheet import as_sheet

_OUTPUTS = {JSON: as_json, CSV: as_csv}


@main.command(context_settings={"ignore_unknown_options": True})
@selecting_options
@output_options(CSV, SHEET, JSON)
@setting_options((*PACK, "data", "sources"))
def access(  # noqa: PLR0913, PLR0917  click passes each option by its name
    subject: Reference | None,
    action: str | None,
    resource: Reference | None,
    resource_type: str | None,
    at: datetime | None,
    output: str,
    more: tuple[str, ...],
    **given: object,
) -> None:
    """List who may do what in a mount, by which rule and from which row.

    There is one row for each subject and resource. What depends on what the calling service sends
    is listed with its condition. Types of the schema are options too: `--user ana`,
    `--account acme`.

    Example: sidecar access --subject user:ana --csv

    Exit status: 0 something is allowed; 1 nothing is; 2 something could not be listed.
    """
    report = access_report(given, (subject, action, resource, resource_type, more), at or clock())
    with Progress("listing who may do what") as progress:
        if output == SHEET:
            for part in progress.before(as_sheet(report)):
                click.echo(part, nl=False)
        else:
            for line in progress.before(_OUTPUTS.get(output, as_text)(report)):
                click.echo(line)
    if report.summary.unlisted or report.summary.unreadable:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_YES if report.summary.rows else EXIT_NO)
