"""Mutants put to the suites: who is killed, who survives, and the case that would kill them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from multiprocessing import get_context
from typing import Self

from sidecar.bundle import UNDECLARED_ACTION
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import load_pack
from sidecar.compiler.variant_process import Variants
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError, InvalidSuiteError, Problem
from sidecar.facts import Snapshot
from sidecar.review.edit_reach import UncompiledEntries
from sidecar.review.mutants import Mutant, mutants_of
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.solver import load_solver
from sidecar.review.states import KnownStates
from sidecar.review.suite_case import case_to_paste
from sidecar.review.witness import Entry, changed_entries, compared
from sidecar.suites import Cell, read_suites, run_suites
from sidecar.suites.runner import cells_with_facts, failure_of

VARIANT_SECONDS = 10.0
"""How long exploring a mutant may take; what is left then is put to Oso at request time."""

_UNKNOWN = "no case is known: Oso is asked about it at request time, as `sidecar check` tells"
_UNSHOWN = "no case is known: none of the states in which it may differ could be made up"


class Fate(Enum):
    """What becomes of a mutant."""

    KILLED = "killed"
    """A cell of a suite fails."""
    SURVIVED = "survived"
    """No cell fails, and there may be a state in which it decides differently."""
    EQUIVALENT = "equivalent"
    """It answers alike in every state that can be."""
    REFUSED = "refused"
    """It does not load."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One mutant and its fate."""

    mutant: Mutant
    fate: Fate
    why: str = ""
    """Of a killed one the cell that fails, of a refused one what is wrong with it, of a survivor
    why there is no case."""
    case: str = ""
    """Of a survivor: a case to paste into a suite; empty where no state could be shown."""
    widens: bool = False
    """Of a survivor: whether it allows what the policy denies, in the state of the case."""


def telling(verdicts: Sequence[Verdict], most: int) -> list[Verdict]:
    """Return the survivors that tell most, in the order of the policy.

    First those that give access, then those with a case, and of each line one before another.
    """
    counted: Counter[tuple[str, int]] = Counter()
    ranked = []
    for place, verdict in enumerate(verdicts):
        if verdict.fate is Fate.SURVIVED:
            line = (verdict.mutant.file, verdict.mutant.line)
            counted[line] += 1
            ranked.append((not verdict.widens, not verdict.case, counted[line], place))
    return [verdicts[place] for place in sorted(place for *_, place in sorted(ranked)[:most])]


def mutate(place: PackPlace, workers: int) -> tuple[int, Iterator[Verdict]]:
    """Make all mutants of a pack and put them to its suites.

    Args:
        place: Where the pack stands.
        workers: How many mutants are tried beside each other, each in a process.

    Returns:
        How many there are, and their fates, in their order.

    Raises:
        MissingSolverError: The solver is not installed.
        InvalidPackError: The pack cannot be used.
        InvalidSuiteError: Its suites cannot be used, or fail without any mutant.
    """
    load_solver()  # before any process is started that needs it
    pack, _ = read_texts(place.policies, place.fixtures)
    mutants = mutants_of(pack.texts, pack.schema)
    _check_suites(place)
    if workers == 1:
        return len(mutants), _alone(place, mutants)
    context = get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(place,))
    return len(mutants), _beside(pool, mutants)


def _check_suites(place: PackPlace) -> None:
    """Check that the suites pass without any edit; a mutant that they kill means nothing else."""
    policy = load_pack(place.policies, place.fixtures)
    with closing(policy.interpreter):
        cells = run_suites(read_suites(place.policies), policy, place.fixtures / "worlds")
    failing = sum(cell.failure is not None for cell in cells)
    if failing:
        message = (
            f"{failing} of {len(cells)} answers are not as expected before any edit;"
            " mend what `sidecar test` shows"
        )
        raise InvalidSuiteError([Problem(str(place.policies), 0, message)])


def _alone(place: PackPlace, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
    with Trial(place) as trial:
        yield from map(trial.judge, mutants)


def _beside(pool: ProcessPoolExecutor, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
    with pool:
        yield from pool.map(_judge, mutants, chunksize=4)


_trials: list[Trial] = []
"""The one trial of a worker process."""


def _start(place: PackPlace) -> None:
    _trials.append(Trial(place))


def _judge(mutant: Mutant) -> Verdict:
    return _trials[0].judge(mutant)


class Trial:
    """A pack and its suites, ready to try mutants."""

    def __init__(self, place: PackPlace) -> None:
        """Compile the pack and lay out its suites, which pass.

        Raises:
            InvalidPackError: The pack cannot be used.
            InvalidSuiteError: Its suites cannot be used.
        """
        pack, sentences = read_texts(place.policies, place.fixtures)
        self._texts = pack.texts
        self._worlds = place.fixtures / "worlds"
        self._suites = read_suites(place.policies)
        self._variants = Variants(replace(pack, seconds=VARIANT_SECONDS), sentences)
        self._policy: Policy = self._variants.policy
        self._known = KnownStates()
        self._cells: dict[Entry, list[tuple[Cell, Snapshot]]] = defaultdict(list)
        for cell, snapshot in cells_with_facts(self._suites, self._policy, self._worlds):
            self._cells[self._entry(cell)].append((cell, snapshot))
        self._uncompiled = UncompiledEntries(self._policy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._policy.interpreter.close()
        self._variants.close()

    def judge(self, mutant: Mutant) -> Verdict:
        """Return the fate of a mutant."""
        try:
            variant = self._variants.compile(
                {mutant.file: mutant.applied(self._texts[mutant.file])}
            )
        except InvalidPackError as error:
            return Verdict(mutant, Fate.REFUSED, str(error.problems[0]))
        with closing(variant.interpreter):
            return self._judge(mutant, variant)

    def _judge(self, mutant: Mutant, variant: Policy) -> Verdict:
        changed = changed_entries(self._policy, variant)
        touched = self._uncompiled.touched(mutant, self._texts[mutant.file])
        changed += [key for key in touched if key not in changed]
        killed = self._killed(mutant, variant, changed)
        if killed is not None:
            return killed
        comparison = compared(self._policy, variant, changed, self._known)
        if not comparison.differs:
            return Verdict(mutant, Fate.EQUIVALENT)
        if comparison.witness is None:
            return Verdict(mutant, Fate.SURVIVED, _UNKNOWN if comparison.unknown else _UNSHOWN)
        edit = f"{mutant.file}:{mutant.line}: {mutant.sentence}"
        case = case_to_paste(
            comparison.witness, edit, (self._policy, variant), self._suites, self._worlds
        )
        widens = comparison.witness.widens
        return Verdict(mutant, Fate.SURVIVED, case=case, widens=widens)

    def _killed(self, mutant: Mutant, variant: Policy, changed: Sequence[Entry]) -> Verdict | None:
        for key in changed:
            for cell, snapshot in self._cells.get(key, ()):
                wrong = failure_of(cell, variant, snapshot)
                if wrong is not None:
                    why = f"{cell.case.file}:{cell.case.line}: {cell.name} {wrong}"
                    return Verdict(mutant, Fate.KILLED, why)
        return None

    def _entry(self, cell: Cell) -> Entry:
        key = (cell.subject.type, cell.resource.type, cell.action)
        return key if key in self._policy.entries else (*key[:2], UNDECLARED_ACTION)
