"""`sidecar permissions`: the actions that are allowed to a subject on a resource."""

from __future__ import annotations

from datetime import datetime

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.options import PACK_OR_BUNDLE, REFERENCE, setting_options
from sidecar.cli.pack_choice import clock, load, pack_settings
from sidecar.cli.request_options import Properties, request_of, request_options
from sidecar.engine.search import list_permissions
from sidecar.model import Reference
from sidecar.schema.messages import in_line


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("resource", type=REFERENCE)
@request_options
@setting_options(PACK_OR_BUNDLE)
def permissions(
    subject: Reference,
    resource: Reference,
    properties: Properties,
    at: datetime | None,
    **given: object,
) -> None:
    """List the actions that are allowed to a subject on a resource.

    The obligations of an action follow its name.

    Example: sidecar permissions user:ana document:plan

    Exit status: 0 an action is allowed; 1 none is; 2 it could not be decided.
    """
    pair = load(pack_settings(given))
    request = request_of(pair.policy.schema, (subject, "", resource), properties)
    permitted = list_permissions(request, pair.policy, pair.snapshot, at or clock())
    for action in permitted.actions:
        codes = "".join(f" obligation {obligation.code}" for obligation in permitted.of(action))
        click.echo(f"{in_line(action)}{codes}")
    raise SystemExit(EXIT_YES if permitted.actions else EXIT_NO)
