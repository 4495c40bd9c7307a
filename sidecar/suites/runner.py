"""Run suites: compare the decision of the policy on each cell with the expected one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidRequestError, InvalidSuiteError, Problem
from sidecar.facts import Snapshot
from sidecar.model import Decision
from sidecar.suites.checks import check_entities
from sidecar.suites.grids import expand
from sidecar.suites.model import Cell, Suite
from sidecar.suites.world import World


def run_suites(suites: Iterable[Suite], policy: Policy, worlds: Path) -> tuple[Cell, ...]:
    """Return every cell of the suites, with its failure if the decision is not as expected.

    Args:
        suites: The suites.
        policy: The policy that decides.
        worlds: The directory of the worlds, each a directory in the format of a mount.

    Raises:
        InvalidSuiteError: Suites name an unknown world, have expectations outside their grids,
            contradict themselves, change the world in an invalid way, or expect a denial that only
            a mistake makes true; all faults of all suites.
        InvalidSnapshotError: A world cannot be read.
    """
    problems: list[Problem] = []
    run: list[Cell] = []
    for suite in suites:
        for cell, snapshot in _with_facts(suite, policy, worlds, problems):
            problems += check_entities(cell, policy, snapshot)
            run.append(replace(cell, failure=failure_of(cell, policy, snapshot)))
    if problems:
        raise InvalidSuiteError(problems)
    return tuple(run)


def cells_with_facts(
    suites: Iterable[Suite], policy: Policy, worlds: Path
) -> tuple[tuple[Cell, Snapshot], ...]:
    """Return every cell of the suites with its facts, to run it on several policies.

    Raises:
        InvalidSuiteError: Suites are invalid.
        InvalidSnapshotError: A world cannot be read.
    """
    problems: list[Problem] = []
    cells = [pair for suite in suites for pair in _with_facts(suite, policy, worlds, problems)]
    if problems:
        raise InvalidSuiteError(problems)
    return tuple(cells)


def run_suite(suite: Suite, policy: Policy, worlds: Path) -> tuple[Cell, ...]:
    """Return every cell of one suite, as `run_suites` does.

    Raises:
        InvalidSuiteError: The suite is invalid.
        InvalidSnapshotError: Its world cannot be read.
    """
    return run_suites((suite,), policy, worlds)


def _with_facts(
    suite: Suite, policy: Policy, worlds: Path, problems: list[Problem]
) -> Iterator[tuple[Cell, Snapshot]]:
    cells = expand(suite, policy.schema, policy.sentences, problems)
    try:
        world = World(suite, policy.schema, worlds)
    except InvalidSuiteError as error:
        problems += error.problems
        return
    for _, cells_of_case in groupby(cells, key=lambda cell: cell.case.line):
        try:
            pairs = [(cell, world.snapshot(cell.case)) for cell in cells_of_case]
        except InvalidSuiteError as error:
            problems += error.problems
            continue
        yield from pairs


def failure_of(cell: Cell, policy: Policy, snapshot: Snapshot) -> str | None:
    """Return how the decision on a cell differs from the expected one; None if it does not."""
    try:
        decision = authorize(cell.request(), policy, snapshot, cell.case.now)
    except InvalidRequestError as error:
        return f"is an invalid request: {error}"
    return _difference(cell, decision)


def _difference(cell: Cell, decision: Decision) -> str | None:
    reasons = tuple(sorted(reason.code for reason in decision.reasons))
    obligations = tuple(sorted(obligation.code for obligation in decision.obligations))
    if cell.allowed and not decision.allowed:
        return f"is denied because of {_join(reasons)}, and should be allowed"
    if decision.allowed and not cell.allowed:
        return "is allowed, and should be denied"
    if cell.reasons is None and decision.faults:
        # A denial by a failed rule is not the decision of the policy.
        return f"is denied only because a rule failed: {'; '.join(decision.faults)}"
    if cell.reasons is not None and reasons != cell.reasons:
        return f"is denied because of {_join(reasons)}, and not of {_join(cell.reasons)}"
    if cell.obligations is not None and obligations != cell.obligations:
        return f"obliges to {_join(obligations)}, and not to {_join(cell.obligations)}"
    return None


def _join(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) or "nothing"
