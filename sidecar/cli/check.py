"""`sidecar check`: the faults and findings of a pack, its facts and its suites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, output_options, print_json
from sidecar.cli.options import PACK_AND_DATA, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.config.settings import Settings
from sidecar.engine import prepare_kinds
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidDocumentsError, Problem
from sidecar.facts import Snapshot, read_directory
from sidecar.review.deep_chains import deep_chains
from sidecar.review.idle_conditions import idle_conditions
from sidecar.review.lint import Finding, absences, findings, unread
from sidecar.review.pack_revisions import NOW, PackPlace
from sidecar.suites import read_suites, run_suites


@main.command()
@click.option("--strict", is_flag=True, help="Status 1 for findings too.")
@click.option(
    "--conditions",
    is_flag=True,
    help="Find conditions that change nothing, and grants that hold because a fact is absent, "
    "too, which takes some seconds.",
)
@output_options(JSON)
@setting_options(PACK_AND_DATA)
def check(strict: bool, conditions: bool, output: str, **given: object) -> None:
    """Check whether policies, fixtures, facts and suites are valid, and report their faults.

    Lists the rules that could not be compiled, which Oso evaluates at request time, and findings:
    rules that can never hold or change nothing, permissions that nobody can have, references in
    the facts that are too many for their depth or go round.

    Example: sidecar check --strict --data /srv/facts

    Exit status: 0 all is valid; 1 there is a fault, or with --strict a finding; 2 something
    could not be looked at.
    """
    settings = pack_settings(given)
    overlooked = unread(settings.policies, settings.fixtures)
    absent: tuple[Finding, ...] = ()
    try:
        with Progress("compiling the policy") as progress:
            policy = PackPlace(NOW, settings.policies, settings.fixtures).load()
            prepare_kinds(policy)  # fails as serving would
            progress.begin("reading the facts and running the suites")
            facts = _facts(policy, settings)
            summary = dict(_summary(policy, settings, facts))
            progress.begin("looking for findings")
            missed: list[str] = []
            listed = (
                *findings(policy, settings.policies, settings.fixtures, missed),
                *overlooked,
                *(() if facts is None else deep_chains(facts)),
            )
            if conditions:
                progress.begin("looking for conditions that change nothing")
                listed = (*listed, *idle_conditions(settings.policies, settings.fixtures))
                absent = tuple(sorted(absences(settings.policies, settings.fixtures)))
        listed = tuple(sorted(listed))
    except InvalidDocumentsError as error:
        if output == JSON:
            problems = list(map(_problem, error.problems))
            unread_files = list(map(asdict, overlooked))
            print_json(
                {
                    "version": 1,
                    "usable": False,
                    "problems": problems,
                    "findings": unread_files,
                }
            )
        else:
            for problem in error.problems:
                click.echo(str(problem))
            for finding in overlooked:
                click.echo(f"look at {finding}")
        raise SystemExit(EXIT_NO) from error
    if output == JSON:
        print_json({**_as_json(policy, summary, listed), "absences": list(map(asdict, absent))})
    else:
        for line in _text(policy, summary, listed):
            click.echo(line)
        for finding in absent:
            click.echo(f"notice {finding}")
    raise SystemExit(_status(missed, listed if strict else ()))


def _status(missed: list[str], listed: tuple[Finding, ...]) -> int:
    """Return the exit status, and print the incomplete parts."""
    for sentence in missed:
        click.echo(f"error: not looked at: {sentence}", err=True)
    return EXIT_TROUBLE if missed else EXIT_NO if listed else EXIT_YES


def _facts(policy: Policy, settings: Settings) -> Snapshot | None:
    """Return the mounted facts; None where there are none and none are named."""
    mount = settings.mount()
    is_there = settings.data is not None or mount.is_dir()
    return read_directory(policy.schema, mount) if is_there else None


def _summary(
    policy: Policy, settings: Settings, facts: Snapshot | None
) -> Iterator[tuple[str, str]]:
    """Yield the valid parts and their revisions or numbers."""
    yield "policy", policy.revision
    if facts is not None:
        yield "data", facts.revision
    suites = read_suites(settings.policies)
    yield "suites", str(len(suites))
    worlds = settings.fixtures / "worlds"
    if worlds.is_dir():
        run_suites(suites, policy, worlds)  # reports what `test` refuses
    elif suites:  # only the policy is deployed
        yield "notice", f"there is no `{worlds}`: the suites have only been read"


def _text(policy: Policy, summary: Mapping[str, str], listed: tuple[Finding, ...]) -> Iterator[str]:
    yield from (f"{what} {value}" for what, value in summary.items())
    yield from (f"notice {notice}" for notice in policy.notices)
    yield from (f"look at {finding}" for finding in listed)


def _as_json(
    policy: Policy, summary: Mapping[str, str], listed: tuple[Finding, ...]
) -> dict[str, object]:
    return {
        "version": 1,
        "usable": True,
        **summary,
        "notices": list(map(_problem, policy.notices)),
        "findings": [asdict(finding) for finding in listed],
    }


def _problem(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "message": problem.message}
