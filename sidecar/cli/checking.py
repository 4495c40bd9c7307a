"""`sidecar check`."""

from __future__ import annotations

import click

from sidecar.cli.group import EXIT_NO, main
from sidecar.cli.places import settings_of
from sidecar.errors import InvalidDocumentsError
from sidecar.facts import read_directory
from sidecar.options import PLACES, setting_options
from sidecar.policy import load_pack
from sidecar.suites import ask, read_suites


@main.command()
@setting_options(PLACES)
def check(**places: object) -> None:
    """Say whether policies, fixtures, facts and suites can be used, and what is wrong with them.

    Names what could not be compiled: Oso is asked about it at request time.
    """
    settings = settings_of(places)
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
