"""`sidecar tree`: a compiled decision diagram."""

from __future__ import annotations

import click

from sidecar.cli.commands import main
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.compiler import load_pack
from sidecar.review.diagram_text import outline
from sidecar.schema.messages import nearest, shown


@main.command()
@click.argument("action")
@click.argument("resource_type")
@setting_options(PACK)
def tree(action: str, resource_type: str, **given: object) -> None:
    """Show the compiled decision of an action on a type of resource, one test a line.

    Example: sidecar tree read document

    Exit status: 0 it is shown; 2 it could not be.
    """
    settings = pack_settings(given)
    policy = load_pack(settings.policies, settings.fixtures)
    types = policy.schema.types
    if resource_type not in types:
        mend = nearest(resource_type, tuple(types))
        raise click.UsageError(f"there is no type {shown(resource_type)}{mend}")
    actions = types[resource_type].actions
    if action not in actions:
        mend = nearest(action, tuple(actions))
        raise click.UsageError(f"`{resource_type}` has no action {shown(action)}{mend}")
    for line in outline(policy, action, resource_type):
        click.echo(line)
