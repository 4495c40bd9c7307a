"""Invariants and suites of two packs, tried on the new policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from sidecar.compiler import load_pack
from sidecar.compiler.pack import PackTexts
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidSnapshotError, InvalidSuiteError, Problem
from sidecar.review.aligned_diagrams import Scope
from sidecar.review.invariants import InvalidInvariantError, Invariant, prove_invariants
from sidecar.review.invariants import Verdict as Proved
from sidecar.review.invariants.loader import Codes, collect_invariants
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.verdict.model import (
    Edit,
    InvariantResult,
    Place,
    SuiteFailure,
    SuiteResult,
)
from sidecar.review.verdict.safety_net import invariant_edits, meaning, suite_edits, world_edits
from sidecar.schema import Sentences
from sidecar.suites import Cell, Suite, read_suites, run_suites
from sidecar.suites.grids import expand

_MOST_NAMED = 3
Reached = Callable[[Scope, str], bool]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as it is read."""

    place: PackPlace
    texts: PackTexts
    sentences: Sentences


@dataclass(slots=True)
class Findings:
    """What guards found out."""

    edits: list[Edit]
    invariants: tuple[InvariantResult, ...]
    untold: list[str]


def try_invariants(old: Pack, new: Pack, reached: Reached, *, decides_alike: bool) -> Findings:
    """Compare the invariants of two packs, and prove those of both of the new policy.

    Args:
        old: The base.
        new: The pack that is reviewed.
        reached: Tells which kinds of request the edit can reach; what could not be proved of
            others could not be proved before either.
        decides_alike: Whether every request is decided alike. Then an invariant of the base that
            names a rule which has another name now says of the new policy what it says of the base.
    """
    untold: list[str] = []
    of_base, unread = _readable(old.place, new)
    untold += [
        f"an invariant of the base cannot be put to the new policy: {each}" for each in unread
    ]
    of_new, unread = _readable(new.place, new)
    untold += [f"an invariant cannot be read: {each}" for each in unread]
    said = {meaning(each) for each in of_base}
    added = [each for each in of_new if meaning(each) not in said]
    results: list[InvariantResult] = []
    for invariants, is_of_base in ((of_base, True), (added, False)):
        proved, unasked = _proved(new.place, invariants)
        if unasked and is_of_base and decides_alike:
            asked = {_key(each.invariant) for each in proved}
            left = [each for each in invariants if _key(each) not in asked]
            more, unasked = _proved(old.place, left)
            proved = (*proved, *more)
        untold += [f"an invariant cannot be put to the new policy: {each}" for each in unasked]
        failing = [each.invariant for each in proved if each.counterexamples]
        before = _failing(old.place, failing) if is_of_base else frozenset()
        for each in proved:
            results.append(_result(each, of_base=is_of_base, before=before))
            open_ones = [
                f"{target.action} on {target.resource}"
                for target in each.invariant.targets
                if each.unproved and reached((target.subject, target.resource), target.action)
            ]
            if open_ones:
                untold.append(f"not proved: {each.invariant.name}: of {_first(open_ones)}")
    return Findings(list(invariant_edits(of_base, of_new)), tuple(results), untold)


def _first(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _readable(place: PackPlace, asked: Pack) -> tuple[list[Invariant], list[Problem]]:
    """Return the invariants of a pack that can be put to another, and what is wrong with others."""
    codes = Codes.of(asked.sentences)
    found, problems = collect_invariants(place.policies, asked.texts.schema, codes)
    bad = {_owner(problem, found) for problem in problems}
    return [each for each in found if _key(each) not in bad], problems


def _owner(problem: Problem, invariants: Sequence[Invariant]) -> tuple[str, int]:
    """Return the file and line of the invariant that a problem is about."""
    lines = [each.line for each in invariants if each.file == problem.file]
    return problem.file, max((line for line in lines if line <= problem.line), default=0)


def _key(invariant: Invariant) -> tuple[str, int]:
    return invariant.file, invariant.line


def _proved(
    place: PackPlace, invariants: Sequence[Invariant]
) -> tuple[tuple[Proved, ...], list[Problem]]:
    """Prove invariants of a pack; those that cannot be asked of it are left out and named."""
    problems: list[Problem] = []
    left = list(invariants)
    while left:
        try:
            return prove_invariants(place, left)[1], problems
        except InvalidInvariantError as error:
            bad = {_owner(problem, left) for problem in error.problems}
            rest = [each for each in left if _key(each) not in bad]
            if len(rest) == len(left):
                raise
            problems += error.problems
            left = rest
    return (), problems


def _failing(place: PackPlace, invariants: Sequence[Invariant]) -> frozenset[tuple[object, ...]]:
    """Return which invariants fail on a pack."""
    proved, _ = _proved(place, invariants)
    return frozenset(meaning(each.invariant) for each in proved if each.counterexamples)


def _result(
    proved: Proved, *, of_base: bool, before: frozenset[tuple[object, ...]]
) -> InvariantResult:
    found = proved.counterexamples
    return InvariantResult(
        name=proved.invariant.name,
        place=Place(proved.invariant.file, proved.invariant.line),
        of_base=of_base,
        failed_before=meaning(proved.invariant) in before,
        actions=tuple(
            f"{action} on {each.target.resource}" for each in found for action in each.actions
        ),
        conditions=found[0].listing.texts if found else (),
        lines=found[0].lines if found else (),
        unproved=proved.unproved,
    )


# --- suites -----------------------------------------------------------------------------------


def try_suites(old: Pack, new: Pack) -> tuple[list[Edit], tuple[SuiteResult, ...], list[str]]:
    """Compare the suites of two packs, and run both on the new policy.

    Returns:
        What is checked less or otherwise, the results, and what could not be told.
    """
    untold: list[str] = []
    results: list[SuiteResult] = []
    read: list[tuple[Suite, ...]] = []
    edits: list[Edit] = []
    policy = load_pack(new.place.policies, new.place.fixtures)
    with closing(policy.interpreter):
        for pack, is_of_base in ((old, True), (new, False)):
            try:
                suites = read_suites(pack.place.policies)
            except InvalidSuiteError as error:
                untold.append(f"suites of {pack.place.name} cannot be read: {error.problems[0]}")
                continue
            same = read == [suites] and not list(
                world_edits(old.place.fixtures, new.place.fixtures)
            )
            read.append(suites)
            if same:
                result = replace(results[0], of_base=False)
            else:
                result = _run(suites, policy, pack, of_base=is_of_base)
                if result.unusable and not is_of_base:
                    untold.append(f"the suites cannot be run: {result.unusable}")
            results.append(result)
    if len(read) == len((old, new)):
        cells = [
            tuple(cell for suite in suites for cell in _cells(suite, pack))
            for suites, pack in zip(read, (old, new), strict=True)
        ]
        worlds = {suite.name: suite.world for suites in read for suite in suites}
        edits = list(suite_edits(cells[0], cells[1], worlds))
    return edits, tuple(results), untold


def _cells(suite: Suite, pack: Pack) -> tuple[Cell, ...]:
    return expand(suite, pack.texts.schema, pack.sentences, [])


def _run(suites: tuple[Suite, ...], policy: Policy, pack: Pack, *, of_base: bool) -> SuiteResult:
    try:
        cells = run_suites(suites, policy, pack.place.fixtures / "worlds")
    except (InvalidSuiteError, InvalidSnapshotError) as error:
        return SuiteResult(of_base=of_base, answers=0, failures=(), unusable=str(error.problems[0]))
    failures = tuple(
        SuiteFailure(Place(cell.case.file, cell.case.line), f"{cell.name} {cell.failure}")
        for cell in cells
        if cell.failure is not None
    )
    return SuiteResult(of_base=of_base, answers=len(cells), failures=failures, unusable="")
