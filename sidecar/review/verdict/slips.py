"""Slips in the rules that an edit changed, tried on the suites: which of them nobody notices."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from sidecar.compiler.pack import read_texts
from sidecar.review.mutants import Mutant, mutants_of
from sidecar.review.mutate import Fate, Trial
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.verdict.model import MutantResult, Place, Survivor
from sidecar.review.verdict.statements import Statement

SECONDS = 15.0
"""How long slips are tried: where Oso is asked at request time, one can take seconds."""


def try_slips(place: PackPlace, changed: Sequence[Statement], most: int) -> MutantResult:
    """Try slips in changed statements on the suites of a pack, which pass.

    Args:
        place: Where the pack stands.
        changed: Its statements that are new or written otherwise.
        most: How many slips are tried at most, spread over all of them.
    """
    pack, _ = read_texts(place.policies, place.fixtures)
    made = [
        mutant
        for mutant in mutants_of(pack.texts, pack.schema)
        if any(_is_in(mutant, each) for each in changed)
    ]
    step = max(1, -(-len(made) // most))
    chosen = made[::step]
    tried = 0
    survivors = []
    if chosen:
        with Trial(place) as trial:
            end = monotonic() + SECONDS
            for mutant in chosen:
                if monotonic() > end:
                    break
                tried += 1
                if trial.judge(mutant).fate is Fate.SURVIVED:
                    line = Place(f"{place.policies.name}/{mutant.file}", mutant.line)
                    survivors.append(Survivor(line, mutant.sentence))
    return MutantResult(made=len(made), tried=tried, survivors=tuple(survivors), skipped="")


def _is_in(mutant: Mutant, statement: Statement) -> bool:
    span, whole = mutant.edit.span, statement.span
    return mutant.file == statement.file and span.start < whole.end and span.end > whole.start
