"""`sidecar permissions`: the actions a subject may do on a resource, from a pack and facts."""

from __future__ import annotations

from datetime import datetime

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.options import DECIDING, REFERENCE, said_options, setting_options
from sidecar.cli.pack_choice import clock, load, pack_settings
from sidecar.cli.request_options import SAID, Pairs, request_of
from sidecar.engine.search import list_permissions
from sidecar.model import Reference
from sidecar.schema.messages import in_line


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("resource", type=REFERENCE)
@said_options(SAID)
@setting_options(DECIDING)
def permissions(  # noqa: PLR0913, PLR0917  click passes each option by its name
    subject: Reference,
    resource: Reference,
    property: Pairs,  # noqa: A002  the name of the option
    context: Pairs,
    subject_property: Pairs,
    resource_property: Pairs,
    at: datetime | None,
    **places: object,
) -> None:
    """List the actions that a subject may do on a resource; status 1 when there are none.

    The obligations of an action stand behind its name.
    """
    said = {
        "property": property,
        "context": context,
        "subject_property": subject_property,
        "resource_property": resource_property,
    }
    pair = load(pack_settings(places))
    request = request_of(pair.policy.schema, (subject, "", resource), said)
    found = list_permissions(request, pair.policy, pair.snapshot, at or clock())
    for action in found.actions:
        codes = "".join(f" obligation {each.code}" for each in found.of(action))
        click.echo(f"{in_line(action)}{codes}")
    raise SystemExit(EXIT_YES if found.actions else EXIT_NO)
