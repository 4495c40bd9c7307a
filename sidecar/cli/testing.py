"""`sidecar test`."""

from __future__ import annotations

from collections import Counter

import click

from sidecar.cli.group import EXIT_NO, EXIT_YES, main
from sidecar.cli.places import settings_of
from sidecar.options import PACK, setting_options
from sidecar.policy import load_pack
from sidecar.suites import ask, read_suites


@main.command()
@setting_options(PACK)
def test(**places: object) -> None:
    """Run the policy suites, *_test.yaml beside the policies, on the worlds in the fixtures."""
    settings = settings_of(places)
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
