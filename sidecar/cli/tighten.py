"""`sidecar tighten`: role permissions that nobody used, as edits that lose no allow of a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from sidecar.cli.commands import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.cli.formats import JSON, output_options, print_json
from sidecar.cli.log_choice import hashing_of, log_options, log_use
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import clock
from sidecar.cli.progress import Progress
from sidecar.cli.selection import access_report, at_option
from sidecar.compiler.compile_cache import compile_cached
from sidecar.compiler.policy import assemble
from sidecar.decision_log.files import STDIN
from sidecar.engine.policy import Policy
from sidecar.review.access.holders import count_holders
from sidecar.review.access.log_use import Period, lines_in
from sidecar.review.access.tighten import Tightener
from sidecar.review.access.tighten_output import TightenReport, as_json, as_patch, as_text

PATCH = "patch"


@main.command()
@log_options
@at_option
@click.option("--patch", "output", flag_value=PATCH, help="Print a patch of the policies.")
@output_options(JSON)
@setting_options((*PACK, "data", "sources", "decision_log_key"))
def tighten(
    log: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    at: datetime | None,
    output: str,
    **given: object,
) -> None:
    """List the lines `"permission" if "role";` by which nobody used a permission, as edits.

    The edited policy is compiled and the log replayed: a line whose edit would lose an allow is not
    listed. How many people have each permission is counted in the facts.

    Example: sidecar tighten --log decisions.log --patch

    Exit status: 0 there is no line to edit; 1 there is one; 2 the log may lack use.
    """
    if STDIN in log:
        raise click.UsageError("the log is read several times; name files")
    access = access_report(given, (None, None, None, None, ()), at or clock())
    texts = access.pack.texts

    def compiled(files: Mapping[str, str]) -> Policy:
        pack = replace(access.pack, texts=files)
        return assemble(pack, access.policy.sentences, compile_cached(pack))

    with Progress("reading the decision log") as progress:
        use = log_use(access.policy.schema, log, (since, until), given)
        progress.begin("trying edits on the decision log")
        tightener = Tightener(access.policy, texts, compiled, hashing_of(given))
        result = tightener.tighten(lambda: lines_in(log, Period(since, until)), use.searched)
        progress.begin("counting who has each permission")
        holders = count_holders(access.rows(), access.policy.schema)
    report = TightenReport(access, use, texts, result, holders)
    if output == JSON:
        print_json(as_json(report))
    else:
        for line in (as_patch if output == PATCH else as_text)(report):
            click.echo(line)
    if report.doubts:
        raise SystemExit(EXIT_TROUBLE)
    raise SystemExit(EXIT_NO if result.edits else EXIT_YES)
