"""`sidecar diff`: the changes of an edit in every situation, for entitlements and log lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import click

from sidecar.cli.colours import print_line
from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.diff_output import DiffReport, as_markdown, as_plain, as_text
from sidecar.cli.formats import JSON, MARKDOWN, output_options, print_json
from sidecar.cli.options import INSTANT, PACK, setting_options
from sidecar.cli.pack_choice import clock, pack_settings
from sidecar.cli.progress import Progress
from sidecar.decision_log import Hashing
from sidecar.facts import read_directory
from sidecar.review.diff import differences, nothing_reached
from sidecar.review.entitlements import Given
from sidecar.review.entitlements import changed as changed_entitlements
from sidecar.review.pack_revisions import NOW, Compiled, PackPlace, load_pair, packs_named
from sidecar.review.replay import replay


@main.command()
@click.argument("old")
@click.argument("new", required=False)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="List the entitlements of this mount that subjects gain or lose.",
)
@click.option(
    "--old-data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The mount before the edit, if the facts are edited too.",
)
@click.option(
    "--log",
    type=click.File("rb"),
    help="Count the lines of this decision log that each change would have affected.",
)
@click.option("--at", type=INSTANT, metavar="INSTANT", help="The time for --data.  [default: now]")
@click.option(
    "--examples", is_flag=True, help="Show a mount and a request for each change, not for one."
)
@click.option(
    "--all", "whole", is_flag=True, help="Show all conditions, however many lines they take."
)
@output_options(JSON, MARKDOWN)
@setting_options((*PACK, "decision_log_key"))
def diff(  # noqa: PLR0913, PLR0917  click passes each option by its name
    old: str,
    new: str | None,
    data: Path | None,
    old_data: Path | None,
    log: Iterator[bytes] | None,
    at: datetime | None,
    examples: bool,
    whole: bool,
    output: str,
    **given: object,
) -> None:
    """Show the changes of an edit in every situation.

    OLD and NEW are whole packs, each a directory with `policies` and `fixtures`, or a revision of
    git: `diff main`, `diff v1.2 HEAD`. Without NEW, OLD is compared with the files as they are now.

    Example: sidecar diff main --data /srv/facts

    Exit status: 0 nothing changes; 1 something does; 2 something could not be compared,
    whatever else changes.
    """
    if old_data is not None and data is None:
        raise click.UsageError("--old-data needs --data, the mount after the edit")

    @cache
    def pack() -> PackPlace:  # chosen and printed only if it is used
        settings = pack_settings(given)
        return PackPlace(NOW, settings.policies, settings.fixtures)

    fixtures: Any = given.get("fixtures")
    with packs_named([old, *([new] if new else [])], pack, fixtures) as packs:
        last = packs[1] if new else pack()
        with Progress("compiling both packs") as progress:
            compiled = load_pair(packs[0], last)
            progress.begin("comparing what they decide")
            report = _report(compiled, (old_data or data, data), at or clock())
            if log is not None:
                progress.begin("replaying the decision log")
                key: Any = given.get("decision_log_key")
                hashing = None if key is None else Hashing.by_file(key)
                report = replace(report, replayed=replay(log, compiled.deciding()[1], hashing))
    if output == JSON:
        print_json(as_plain(report))
    else:
        text = as_text(report, examples=examples, whole=whole)
        lines = as_markdown(report) if output == MARKDOWN else text
        for line in lines:
            print_line(line)
    if not report.complete:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_NO if report.differs else EXIT_YES)


def _report(packs: Compiled, data: tuple[Path | None, Path | None], now: datetime) -> DiffReport:
    reached = nothing_reached if packs.same_rules else None
    compared = differences(packs.old, packs.new, declared=packs.schemas, reached=reached)
    declared = packs.declarations
    if data[0] is None or data[1] is None:
        return DiffReport(compared, declared, (), (), (), with_data=False, replayed=None)
    old, new = packs.deciding()
    before = Given(old, read_directory(old.schema, data[0]), now)
    after = Given(new, read_directory(new.schema, data[1]), now)
    only = None
    if before.snapshot.revision == after.snapshot.revision and not compared.uncompared:
        only = {
            (change.subject, change.resource, action)
            for change in compared.changes
            for action in change.actions
        }
    gained, lost, unlisted = changed_entitlements(before, after, only)
    return DiffReport(compared, declared, gained, lost, unlisted, with_data=True, replayed=None)
