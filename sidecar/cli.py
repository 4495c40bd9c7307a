"""The command line: each command is one question, and its exit status is the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import click

from sidecar.decide import decide
from sidecar.errors import InvalidDocumentsError, SidecarError
from sidecar.facts import read_directory
from sidecar.model import Reference, Request
from sidecar.options import PACK, PLACES, REFERENCE, said_options, setting_options, values
from sidecar.outline import outline
from sidecar.policy import load_pack
from sidecar.reloading import Pair, Places, Reloading
from sidecar.schema import Attribute, Schema
from sidecar.schema.wording import nearest, shown
from sidecar.search import permissions as permitted
from sidecar.serve import serve as run_server
from sidecar.settings import Settings
from sidecar.suites import ask, read_suites
from sidecar.writings import WRITINGS

EXIT_YES, EXIT_NO, EXIT_TROUBLE = 0, 1, 2

SAID = ("property", "context", "subject_property", "resource_property")

Pairs = tuple[tuple[str, str], ...]


class _Commands(click.Group):
    """Commands whose trouble is told on standard error, with its own status."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SidecarError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(EXIT_TROUBLE) from error


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def main() -> None:
    """Answer "may this user do this?" from policy files that reviewers can read.

    Without options the shipped policies and fixtures are used (those of the source checkout, or
    of the installed package), and the demo world among the fixtures stands in for a mount.

    Exit status: 0 yes, 1 no, 2 no answer (standard error says why).
    """


@main.command()
@setting_options(tuple(WRITINGS))
def serve(**settings: object) -> None:
    """Answer over HTTP until told to stop.

    Edited policies, fixtures and facts are picked up within two seconds; what cannot be used is
    told by /readyz and the log, and the last good files go on answering.
    """
    run_server(_settings(settings))


@main.command()
@setting_options(PLACES)
def check(**places: object) -> None:
    """Say whether policies, fixtures, facts and suites can be used, and what is wrong with them.

    Names what could not be compiled: Oso is asked about it at request time.
    """
    settings = _settings(places)
    try:
        policy = load_pack(settings.policies, settings.fixtures)
        lines = [f"policy {policy.revision}"]
        if settings.data is not None or settings.mount().is_dir():
            lines.append(f"data {read_directory(policy.schema, settings.mount()).revision}")
        suites = read_suites(settings.policies)
        lines.append(f"suites {len(suites)}")
        worlds = settings.fixtures / "worlds"
        if worlds.is_dir():
            ask(suites, policy, worlds)  # what `test` refuses is told here too
        elif suites:  # as where only the policy is deployed
            lines.append(f"notice there is no `{worlds}`: the suites have only been read")
    except InvalidDocumentsError as error:
        for problem in error.problems:
            click.echo(str(problem))
        raise SystemExit(EXIT_NO) from error
    for line in [*lines, *(f"notice {notice}" for notice in (*policy.notices, *policy.unused))]:
        click.echo(line)


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("action")
@click.argument("resource", type=REFERENCE)
@said_options(SAID)
@setting_options(PLACES)
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
    pair = _load(places)
    request = _request(pair.policy.schema, (subject, action, resource), said)
    decision = decide(request, pair.policy, pair.snapshot, at or _now())
    click.echo("allow" if decision.allowed else "deny")
    for reason in decision.reasons:
        click.echo(f"reason {reason.code}: {reason.message}")
    for obligation in decision.obligations:
        click.echo(f"obligation {obligation.code}: {obligation.message}")
    for fault in decision.faults:
        click.echo(f"error: {fault}", err=True)
    raise SystemExit(EXIT_YES if decision.allowed else EXIT_NO)


@main.command()
@click.argument("subject", type=REFERENCE)
@click.argument("resource", type=REFERENCE)
@said_options(SAID[1:])
@setting_options(PLACES)
def permissions(  # noqa: PLR0913, PLR0917  click passes each option by its name
    subject: Reference,
    resource: Reference,
    context: Pairs,
    subject_property: Pairs,
    resource_property: Pairs,
    at: datetime | None,
    **places: object,
) -> None:
    """List the actions that a subject may do on a resource; status 1 when there are none."""
    said = {
        "context": context,
        "subject_property": subject_property,
        "resource_property": resource_property,
    }
    pair = _load(places)
    request = _request(pair.policy.schema, (subject, "", resource), said)
    allowed = permitted(request, pair.policy, pair.snapshot, at or _now())
    for action in allowed:
        click.echo(action)
    raise SystemExit(EXIT_YES if allowed else EXIT_NO)


@main.command()
@setting_options(PACK)
def test(**places: object) -> None:
    """Run the policy suites, *_test.yaml beside the policies, on the worlds in the fixtures."""
    settings = _settings(places)
    policy = load_pack(settings.policies, settings.fixtures)
    suites = read_suites(settings.policies)
    asked: Counter[bool] = Counter()
    for cell in ask(suites, policy, settings.fixtures / "worlds"):
        asked[cell.failure is None] += 1
        if cell.failure is not None:
            click.echo(f"{cell.case.file}:{cell.case.line}: {cell.name} {cell.failure}")
    if not asked:
        raise click.UsageError(f"there is no case in `{settings.policies}`; write a `*_test.yaml`")
    click.echo(f"{asked[True]} of {asked.total()} answers are as expected")
    raise SystemExit(EXIT_NO if asked[False] else EXIT_YES)


@main.command()
@click.argument("action")
@click.argument("resource_type")
@setting_options(PACK)
def tree(action: str, resource_type: str, **places: object) -> None:
    """Show the compiled decision of an action on a type of resource, one question a line."""
    settings = _settings(places)
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


def _request(
    schema: Schema, names: tuple[Reference, str, Reference], said: Mapping[str, Pairs]
) -> Request:
    subject, action, resource = names
    return Request(
        subject=subject,
        action=action,
        resource=resource,
        subject_properties=_values(said, "subject_property", _sayable(schema, subject.type)),
        action_properties=_values(said, "property", _declared(schema, resource.type, action)),
        resource_properties=_values(said, "resource_property", _sayable(schema, resource.type)),
        context=_values(said, "context", schema.context),
    )


def _sayable(schema: Schema, type_name: str) -> Mapping[str, Attribute]:
    declared = schema.types.get(type_name)
    attributes = declared.attributes if declared else {}
    return {name: attribute for name, attribute in attributes.items() if attribute.caller}


def _declared(schema: Schema, type_name: str, action: str) -> Mapping[str, Attribute]:
    declared = schema.types.get(type_name)
    known = declared.actions.get(action) if declared else None
    return known.properties if known else {}


def _values(
    said: Mapping[str, Pairs], option: str, declared: Mapping[str, Attribute]
) -> dict[str, object]:
    return values(said.get(option, ()), declared, option)


def _settings(given: Mapping[str, object]) -> Settings:
    known = {name: value for name, value in given.items() if value is not None}
    return Settings(**known)  # type: ignore[arg-type]  # each read by its own field's reader


def _load(places: Mapping[str, object]) -> Pair:
    settings = _settings(places)
    return Reloading(Places(settings.policies, settings.fixtures, settings.mount())).load()


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  this is where a person's clock is read
