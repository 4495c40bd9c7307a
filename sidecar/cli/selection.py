"""The options of commands about entitlements, and the report that they begin with."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click

from sidecar.cli.options import INSTANT, REFERENCE
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.cli.review_facts import read_facts
from sidecar.compiler.pack import read_texts
from sidecar.engine.admission import key_of_id
from sidecar.facts import Snapshot
from sidecar.model import Reference
from sidecar.review.access.pairs import Selected
from sidecar.review.access.report import AccessReport
from sidecar.review.access.workers import workers_for
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.schema import Schema
from sidecar.schema.messages import nearest, shown

F = TypeVar("F", bound=Callable[..., Any])


_OPTIONS = {"--type": "resource_type"}
"""Options whose values are passed by other names, which hide none of Python's."""


def at_option(command: F) -> F:
    """Give a command ``--at``."""
    text = "The time of every decision, 2026-12-01T12:00:00Z.  [default: now]"
    return click.option("--at", type=INSTANT, metavar="INSTANT", help=text)(command)


def selecting_options(command: F) -> F:
    """Give a command ``--subject``, ``--resource``, ``--type`` and ``--action``."""
    for name, form, metavar, text in (
        ("--action", str, "NAME", "Only this action."),
        ("--type", str, "TYPE", "Only on resources of this type."),
        (
            "--resource",
            REFERENCE,
            "TYPE:ID",
            "Only on this resource; with a type of the schema: --account ID.",
        ),
        (
            "--subject",
            REFERENCE,
            "TYPE:ID",
            "Only of this subject; with a type of the schema: --user ID.",
        ),
    ):
        click.option(
            name, _OPTIONS.get(name, name.removeprefix("--")), type=form, metavar=metavar, help=text
        )(command)
    more = click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[--TYPE ID]...")
    return more(at_option(command))


def access_report(
    given: Mapping[str, object],
    named: tuple[Reference | None, str | None, Reference | None, str | None, Sequence[str]],
    now: datetime,
) -> AccessReport:
    """Return the report of a command, by its settings and its options.

    Args:
        given: The settings.
        named: ``--subject``, ``--action``, ``--resource``, ``--type``, and the options named after
            types.
        now: The time of every decision.

    Raises:
        SidecarError: The pack or the facts cannot be used.
        UsageError: The options name what there is not.
    """
    settings = pack_settings(given)
    with Progress("compiling the policy") as progress:
        policy = PackPlace(NOW, settings.policies, settings.fixtures).load()
        selected = selected_of(policy.schema, *named)
        gc.disable()  # a million rows are no garbage, and looking for it among them takes longest
        progress.begin("reading the facts")
        snapshot = read_facts(settings, policy.schema)
    check_selected(selected, snapshot)
    pack, _ = read_texts(settings.policies, settings.fixtures)
    report = AccessReport(policy, pack, snapshot, now, selected)
    subjects = (len(snapshot.rows(each)) for each in policy.schema.subjects())
    report.workers = workers_for(max(subjects, default=0))
    return report


def selected_of(  # noqa: PLR0913, PLR0917  one for each option
    schema: Schema,
    subject: Reference | None,
    action: str | None,
    resource: Reference | None,
    resource_type: str | None,
    more: Sequence[str],
) -> Selected:
    """Return what a report is about, by the options and by those that are named after types.

    Args:
        schema: What declares types and actions.
        subject: Of ``--subject``.
        action: Of ``--action``.
        resource: Of ``--resource``.
        resource_type: Of ``--type``.
        more: What else stands on the command line, such as ``--user``, ``ana``.

    Raises:
        UsageError: A type or an action is not declared, or a side is named twice.
    """
    sides = {"subject": subject, "resource": resource}
    for each in _typed(more):
        side = "subject" if _declared(schema, each).subject else "resource"
        if sides[side] is not None:
            raise click.UsageError(f"the {side} is named twice")
        sides[side] = each
    for side, named in sides.items():
        if named is not None and side == "subject" and not _declared(schema, named).subject:
            raise click.UsageError(f"{shown(named.type)} is no type of subjects")
    names = {name for declared in schema.types.values() for name in declared.actions}
    if sides["resource"] is not None and resource_type is not None:
        raise click.UsageError("the resource is named, so leave `--type` out")
    if resource_type is not None or sides["resource"] is not None:
        of_type = sides["resource"] or Reference(str(resource_type), "")
        names = set(_declared(schema, of_type).actions)
    if action is not None and action not in names:
        raise click.UsageError(f"no action is called {shown(action)}{nearest(action, names)}")
    return Selected(sides["subject"], action, sides["resource"], resource_type)


def check_selected(selected: Selected, snapshot: Snapshot) -> None:
    """Check that the entities of a report are in the facts: a misspelt one would have no access.

    Raises:
        UsageError: One of them is not.
    """
    for each in (selected.subject, selected.resource):
        if each is None or not snapshot.schema.types[each.type].table:
            continue
        key = key_of_id(snapshot.schema, snapshot.schema.types[each.type], each.id)
        if key not in snapshot.rows(each.type) and each.id not in set(snapshot.ids(each.type)):
            raise click.UsageError(f"{shown(str(each))} is not in the facts")


def _typed(more: Sequence[str]) -> list[Reference]:
    """Read ``--user ana`` and ``--user=ana``."""
    found: list[Reference] = []
    waiting = list(more)
    while waiting:
        option = waiting.pop(0)
        name, equals, value = option.removeprefix("--").partition("=")
        if not option.startswith("--") or not name:
            raise click.UsageError(f"{shown(option)} is not expected here")
        if not equals:
            if not waiting:
                raise click.UsageError(f"option {shown(option)} requires an id")
            value = waiting.pop(0)
        found.append(Reference(name, value))
    return found


def _declared(schema: Schema, reference: Reference) -> Any:  # noqa: ANN401
    declared = schema.types.get(reference.type)
    if declared is None:
        mend = nearest(reference.type, schema.types)
        raise click.UsageError(f"the schema has no type {shown(reference.type)}{mend}")
    return declared
