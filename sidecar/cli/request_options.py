"""The options that state a request on the command line, and the request that they state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import click

from sidecar.cli.options import INSTANT, PAIR
from sidecar.config.variables import variable
from sidecar.model import Reference, Request
from sidecar.schema import Attribute, Schema
from sidecar.schema.messages import nearest, shown
from sidecar.schema.sent_texts import action_properties, caller_attributes, json_value

Properties = Mapping[str, Sequence[tuple[str, str]]]
"""Names and texts, by the option that states them."""

_HELP = {
    "property": "A property of the action.",
    "context": "A member of the context.",
    "subject_property": "A property of the subject, as a caller would send it.",
    "resource_property": "A property of the resource, as a caller would send it.",
}


def request_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--property NAME=VALUE`` and its like as `properties`, and ``--at``."""

    @wraps(command)
    def with_properties(**options: Any) -> None:  # noqa: ANN401  click passes them by name
        properties = {name: options.pop(name) for name in _HELP}
        command(properties=properties, **options)

    for name in reversed(_HELP):
        click.option(
            f"--{name.replace('_', '-')}",
            type=PAIR,
            multiple=True,
            metavar="NAME=VALUE",
            envvar=variable(name),
            show_envvar=True,
            help=_HELP[name],
        )(with_properties)
    return click.option(
        "--at",
        type=INSTANT,
        metavar="INSTANT",
        envvar="SIDECAR_AT",
        show_envvar=True,
        help="The time of the request, 2026-12-01T12:00:00Z.  [default: now]",
    )(with_properties)


def request_of(
    schema: Schema, names: tuple[Reference, str, Reference], properties: Properties
) -> Request:
    """Return the request of a subject, an action and a resource.

    An empty action stands for all of them, and takes the properties of each.

    Raises:
        UsageError: A text is not of its declared type.
    """
    subject, action, resource = names

    def values(option: str, declared: Mapping[str, Attribute]) -> dict[str, object]:
        return json_values(properties[option], declared, option)

    return Request(
        subject=subject,
        action=action,
        resource=resource,
        subject_properties=values("subject_property", caller_attributes(schema, subject.type)),
        action_properties=values("property", action_properties(schema, resource.type, action)),
        resource_properties=values("resource_property", caller_attributes(schema, resource.type)),
        context=values("context", schema.context),
    )


def json_values(
    pairs: Sequence[tuple[str, str]], declared: Mapping[str, Attribute], option: str
) -> dict[str, object]:
    """Return the JSON values of texts by their declared types.

    An undeclared name is ignored, as it is over HTTP, but with a warning. So is ``now``, which has
    an option of its own.
    """
    known = [name for name in declared if name != "now"]
    values: dict[str, object] = {}
    for name, text in pairs:
        if name in known:
            values[name] = _value(name, text, declared[name])
        else:
            pair = f"--{option.replace('_', '-')} {shown(name)}"
            click.echo(f"warning: {pair} is not declared, ignored{nearest(name, known)}", err=True)
    return values


def _value(name: str, text: str, declared: Attribute) -> object:
    try:
        return json_value(text, declared)
    except ValueError as error:
        raise click.UsageError(f"{shown(name)} {error}") from error
