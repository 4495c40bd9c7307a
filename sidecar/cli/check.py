"""`sidecar check`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, output_options, print_json
from sidecar.cli.options import PLACES, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.config.settings import Settings
from sidecar.engine import prepare_kinds
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidDocumentsError, Problem
from sidecar.facts import read_directory
from sidecar.review.lint import Finding, absences, findings, idle_conditions, unread
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.suites import read_suites, run_suites


@main.command()
@click.option("--strict", is_flag=True, help="Status 1 when there is anything to look at, too.")
@click.option(
    "--conditions",
    is_flag=True,
    help="Look for conditions that change nothing, and for grants that hold because a fact is "
    "absent, too, which takes some seconds.",
)
@output_options(JSON)
@setting_options(PLACES)
def check(strict: bool, conditions: bool, output: str, **places: object) -> None:
    """Say whether policies, fixtures, facts and suites can be used, and what is wrong with them.

    Names what could not be compiled, which Oso is asked about at request time; and what to look
    at: rules that can never hold or change nothing, permissions that nobody can have.
    """
    settings = pack_settings(places)
    overlooked = unread(settings.policies, settings.fixtures)
    absent: tuple[Finding, ...] = ()
    try:
        policy = PackPlace(NOW, settings.policies, settings.fixtures).load()
        prepare_kinds(policy)  # what serving builds can be built
        counted = dict(_counted(policy, settings))
        missed: list[str] = []
        found = (
            *findings(policy, settings.policies, settings.fixtures, missed),
            *overlooked,
        )
        if conditions:
            found = (*found, *idle_conditions(settings.policies, settings.fixtures))
            absent = tuple(sorted(absences(settings.policies, settings.fixtures)))
        found = tuple(sorted(found))
    except InvalidDocumentsError as error:
        if output == JSON:
            problems = list(map(_problem, error.problems))
            looked = list(map(asdict, overlooked))
            print_json({"usable": False, "problems": problems, "findings": looked})
        else:
            for problem in error.problems:
                click.echo(str(problem))
            for each in overlooked:
                click.echo(f"look at {each}")
        raise SystemExit(EXIT_NO) from error
    if output == JSON:
        print_json({**_as_json(policy, counted, found), "absences": list(map(asdict, absent))})
    else:
        for line in _text(policy, counted, found):
            click.echo(line)
        for each in absent:
            click.echo(f"notice {each}")
    raise SystemExit(_status(missed, found if strict else ()))


def _status(missed: list[str], found: tuple[Finding, ...]) -> int:
    """Return the exit status, and print what could not be looked at."""
    for sentence in missed:
        click.echo(f"error: not looked at: {sentence}", err=True)
    return EXIT_TROUBLE if missed else EXIT_NO if found else EXIT_YES


def _counted(policy: Policy, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield what can be used, by what it is."""
    yield "policy", policy.revision
    if settings.data is not None or settings.mount().is_dir():
        yield "data", read_directory(policy.schema, settings.mount()).revision
    suites = read_suites(settings.policies)
    yield "suites", str(len(suites))
    worlds = settings.fixtures / "worlds"
    if worlds.is_dir():
        run_suites(suites, policy, worlds)  # what `test` refuses is told here too
    elif suites:  # as where only the policy is deployed
        yield "notice", f"there is no `{worlds}`: the suites have only been read"


def _text(policy: Policy, counted: Mapping[str, str], found: tuple[Finding, ...]) -> Iterator[str]:
    yield from (f"{what} {value}" for what, value in counted.items())
    yield from (f"notice {notice}" for notice in policy.notices)
    yield from (f"look at {each}" for each in found)


def _as_json(
    policy: Policy, counted: Mapping[str, str], found: tuple[Finding, ...]
) -> dict[str, object]:
    return {
        "usable": True,
        **counted,
        "notices": list(map(_problem, policy.notices)),
        "findings": [asdict(each) for each in found],
    }


def _problem(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}
