"""`sidecar authorize`: one decision."""

from __future__ import annotations

from datetime import datetime

import click

from sidecar.cli.colours import print_line
from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.options import PACK_OR_BUNDLE, REFERENCE, setting_options
from sidecar.cli.pack_choice import clock, load, pack_settings
from sidecar.cli.request_options import Properties, request_of, request_options
from sidecar.engine import authorizer
from sidecar.model import Reference


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("action")
@click.argument("resource", type=REFERENCE)
@request_options
@setting_options(PACK_OR_BUNDLE)
def authorize(
    subject: Reference,
    action: str,
    resource: Reference,
    properties: Properties,
    at: datetime | None,
    **given: object,
) -> None:
    """Decide one request.

    Example: sidecar authorize user:ana read document:plan

    Exit status: 0 it is allowed; 1 it is denied; 2 it could not be decided.
    """
    pair = load(pack_settings(given))
    request = request_of(pair.policy.schema, (subject, action, resource), properties)
    decision = authorizer.authorize(request, pair.policy, pair.snapshot, at or clock())
    print_line("allow" if decision.allowed else "deny")
    for reason in decision.reasons:
        click.echo(f"reason {reason.code}: {reason.message}")
    for obligation in decision.obligations:
        click.echo(f"obligation {obligation.code}: {obligation.message}")
    for member in decision.outside:
        click.echo(f"note: `{member}` is outside its domain, so nothing is granted", err=True)
    for fault in decision.faults:
        click.echo(f"error: {fault}", err=True)
    raise SystemExit(EXIT_YES if decision.allowed else EXIT_NO)
