"""`sidecar mutate`: single edits of the policy that no suite detects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.formats import JSON, output_options, print_json
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.cli.progress import Progress
from sidecar.review.mutate import Fate, Verdict, mutate, telling
from sidecar.review.pack_revisions import NOW, PackPlace

_WORKERS = 2
_SHOWN = 10
"""Survivors that the text shows."""


@main.command("mutate")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=_WORKERS,
    show_default=True,
    help="Number of mutants that are tested at the same time.",
)
@output_options(JSON)
@setting_options(PACK)
def mutate_command(workers: int, output: str, **given: object) -> None:
    """Edit the policy in hundreds of ways, and show the edits that no suite detects.

    Each mutant is one edit: a condition dropped or negated, a role or a value swapped, a boundary
    moved, a rule deleted. For each survivor, a case is shown that would detect it. Mutants that
    decide every situation alike, and those that do not load, are only counted. Of many survivors
    the ten that tell most are shown, those first that give access; --json has all.

    Example: sidecar mutate --workers 4

    Exit status: 0 no edit survives; 1 one does; 2 the mutants could not be tried.
    """
    settings = pack_settings(given)
    with Progress("running the suites before any edit") as progress:
        total, verdicts = mutate(PackPlace(NOW, settings.policies, settings.fixtures), workers)
        progress.begin(f"trying {total} mutants")
        finished: list[Verdict] = []
        for verdict in verdicts:
            finished.append(verdict)
            progress.count(len(finished), total)
    survivors = [verdict for verdict in finished if verdict.fate is Fate.SURVIVED]
    if output == JSON:
        print_json(_as_json(finished))
    else:
        for line in _text(finished):
            click.echo(line)
    raise SystemExit(EXIT_NO if survivors else EXIT_YES)


def _text(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in telling(verdicts, _SHOWN):
        yield f"{verdict.mutant.file}:{verdict.mutant.line}: {verdict.mutant.sentence}"
        yield from (f"    {line}" for line in (verdict.case or verdict.why).splitlines())
    counts = Counter(verdict.fate for verdict in verdicts)
    if counts[Fate.SURVIVED] > _SHOWN:
        yield f"and {counts[Fate.SURVIVED] - _SHOWN} more survivors, which --json shows"
    summary = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate)
    yield f"{len(verdicts)} mutants: {summary}"


def _as_json(verdicts: Sequence[Verdict]) -> dict[str, object]:
    counts = Counter(verdict.fate for verdict in verdicts)
    return {
        "version": 1,
        "counts": {fate.value: counts[fate] for fate in Fate},
        "mutants": [
            {
                "file": verdict.mutant.file,
                "line": verdict.mutant.line,
                "sentence": verdict.mutant.sentence,
                "fate": verdict.fate.value,
                "widens": verdict.widens,
                "why": verdict.why or None,
                "case": verdict.case or None,
            }
            for verdict in verdicts
        ],
    }
