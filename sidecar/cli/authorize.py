"""`sidecar authorize`: one decision, from a pack and facts."""

from __future__ import annotations

from datetime import datetime

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.options import DECIDING, REFERENCE, said_options, setting_options
from sidecar.cli.pack_choice import clock, load, pack_settings
from sidecar.cli.request_options import SAID, Pairs, request_of
from sidecar.engine import authorizer
from sidecar.model import Reference


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("action")
@click.argument("resource", type=REFERENCE)
@said_options(SAID)
@setting_options(DECIDING)
def authorize(  # noqa: PLR0913, PLR0917  click passes each option by its name
    subject: Reference,
    action: str,
    resource: Reference,
    property: Pairs,  # noqa: A002  the name of the option
    context: Pairs,
    subject_property: Pairs,
    resource_property: Pairs,
    at: datetime | None,
    **places: object,
) -> None:
    """Decide one question: `authorize user:ana read document:plan`."""
    said = {
        "property": property,
        "context": context,
        "subject_property": subject_property,
        "resource_property": resource_property,
    }
    pair = load(pack_settings(places))
    request = request_of(pair.policy.schema, (subject, action, resource), said)
    decision = authorizer.authorize(request, pair.policy, pair.snapshot, at or clock())
    click.echo("allow" if decision.allowed else "deny")
    for reason in decision.reasons:
        click.echo(f"reason {reason.code}: {reason.message}")
    for obligation in decision.obligations:
        click.echo(f"obligation {obligation.code}: {obligation.message}")
    for member in decision.outside:
        click.echo(f"note: `{member}` is outside its domain, so nothing is granted", err=True)
    for fault in decision.faults:
        click.echo(f"error: {fault}", err=True)
    raise SystemExit(EXIT_YES if decision.allowed else EXIT_NO)
