"""`sidecar mutate`: would the suites notice a slip in the policy?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from sidecar.cli.commands import EXIT_NO, EXIT_YES, main
from sidecar.cli.formats import JSON, output_options, print_json
from sidecar.cli.options import PACK, setting_options
from sidecar.cli.pack_choice import pack_settings
from sidecar.review.mutate import Fate, Places, Verdict, mutate

_WORKERS = 2


@main.command("mutate")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=_WORKERS,
    show_default=True,
    help="How many mutants are tried beside each other.",
)
@output_options(JSON)
@setting_options(PACK)
def mutated(workers: int, output: str, **places: object) -> None:
    """Make a slip in the policy, hundreds of times, and show those that no suite notices.

    Each mutant is one edit: a condition dropped or negated, a role or a value swapped, a boundary
    moved, a rule deleted. For each that survives, a case is shown that would kill it. Mutants that
    answer alike in every situation, and those that do not load, are only counted.
    """
    settings = pack_settings(places)
    count, verdicts = mutate(Places(settings.policies, settings.fixtures), workers)
    with click.progressbar(
        verdicts,
        length=count,
        label="mutants",
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as shown:
        found = list(shown)
    survivors = [verdict for verdict in found if verdict.fate is Fate.SURVIVED]
    if output == JSON:
        print_json(_as_json(found))
    else:
        for line in _text(found):
            click.echo(line)
    raise SystemExit(EXIT_NO if survivors else EXIT_YES)


def _text(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.fate is Fate.SURVIVED:
            yield f"{verdict.mutant.file}:{verdict.mutant.line}: {verdict.mutant.sentence}"
            yield from (f"    {line}" for line in (verdict.case or verdict.why).splitlines())
    counts = Counter(verdict.fate for verdict in verdicts)
    counted = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate)
    yield f"{len(verdicts)} mutants: {counted}"


def _as_json(verdicts: Sequence[Verdict]) -> dict[str, object]:
    counts = Counter(verdict.fate for verdict in verdicts)
    return {
        "counts": {fate.value: counts[fate] for fate in Fate},
        "mutants": [
            {
                "file": verdict.mutant.file,
                "line": verdict.mutant.line,
                "sentence": verdict.mutant.sentence,
                "fate": verdict.fate.value,
                "why": verdict.why or None,
                "case": verdict.case or None,
            }
            for verdict in verdicts
        ],
    }
