"""`sidecar explain`: the facts and rules behind one decision."""

from __future__ import annotations

from datetime import datetime

import click

from sidecar.cli.colours import print_line
from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, MARKDOWN, output_options, print_json
from sidecar.cli.options import PACK_AND_DATA, REFERENCE, setting_options
from sidecar.cli.pack_choice import clock, load, pack_settings
from sidecar.cli.progress import Progress
from sidecar.cli.request_options import Properties, request_of, request_options
from sidecar.facts import read_positions
from sidecar.model import Reference
from sidecar.review.explain import Facts, explain_to_reviewer
from sidecar.review.explain_output import as_json, as_markdown, as_text


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("action")
@click.argument("resource", type=REFERENCE)
@request_options
@click.option("--show-sensitive", is_flag=True, help="Show sensitive values too.")
@output_options(JSON, MARKDOWN)
@setting_options(PACK_AND_DATA)
def explain(  # noqa: PLR0913, PLR0917  click passes each option by its name
    subject: Reference,
    action: str,
    resource: Reference,
    properties: Properties,
    at: datetime | None,
    show_sensitive: bool,
    output: str,
    **given: object,
) -> None:
    """Explain the decision on one request: its facts, and the rules that decide it.

    The rules are those of Oso's own proof. If the proof and the compiled decision differ, which is
    a fault of this software, an error says so.

    Example: sidecar explain user:ana read document:plan

    Exit status: 0 it is allowed; 1 it is denied; 2 it could not be explained, or proof and
    decision differ.
    """
    settings = pack_settings(given)
    with Progress("reading policy and facts") as progress:
        pair = load(settings)
        request = request_of(pair.policy.schema, (subject, action, resource), properties)
        shown = frozenset({"sensitive"} if show_sensitive else ())
        rows = read_positions(pair.policy.schema, settings.mount())
        facts = Facts(pair.snapshot, rows, shown)
        progress.begin("looking for the rules that decide")
        explained = explain_to_reviewer(request, pair.policy, facts, at or clock())
    if output == JSON:
        print_json(as_json(explained))
    else:
        for line in (as_markdown if output == MARKDOWN else as_text)(explained):
            print_line(line)
    for fault in explained.decision.faults:
        click.echo(f"error: {fault}", err=True)
    for difference in explained.disagreements:
        click.echo(f"error: PROOF AND DECISION DIFFER, report this: {difference}", err=True)
    if explained.disagreements:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_YES if explained.decision.allowed else EXIT_NO)
