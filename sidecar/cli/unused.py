"""`sidecar unused`: entitlements that nobody used in the period of a decision log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import CSV, JSON, output_options
from sidecar.cli.log_choice import log_options, log_use
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import clock
from sidecar.cli.progress import Progress
from sidecar.cli.selection import access_report, selecting_options
from sidecar.model import Reference
from sidecar.review.access.unused import UnusedReport
from sidecar.review.access.unused_output import as_csv, as_json, as_text

_OUTPUTS = {JSON: as_json, CSV: as_csv}


@main.command(context_settings={"ignore_unknown_options": True})
@log_options
@selecting_options
@output_options(CSV, JSON)
@setting_options((*PACK, "data", "sources", "decision_log_key"))
def unused(  # noqa: PLR0913, PLR0917  click passes each option by its name
    log: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    subject: Reference | None,
    action: str | None,
    resource: Reference | None,
    resource_type: str | None,
    at: datetime | None,
    output: str,
    more: tuple[str, ...],
    **given: object,
) -> None:
    """List what people may do in a mount, and did not in the period of a decision log.

    An allowed decision is use, each of a batch too, and so is what a search found. A list of
    permissions is none: it names all that somebody holds. The facts are those of now, so that what
    was taken away meanwhile is not listed.

    Example: sidecar unused --log decisions.log --csv

    Exit status: 0 everything was used; 1 something was not; 2 the log may lack use or something
    could not be listed.
    """
    report = access_report(given, (subject, action, resource, resource_type, more), at or clock())
    with Progress("reading the decision log") as progress:
        use = log_use(report.policy.schema, log, (since, until), given)
        progress.begin("listing what nobody used")
        found = UnusedReport(report, use)
        for line in progress.before(_OUTPUTS.get(output, as_text)(found)):
            click.echo(line)
    if found.doubts or report.summary.unreadable:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_NO if found.unused else EXIT_YES)
