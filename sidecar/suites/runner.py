"""Running of suites: each cell of a grid is put to the policy, and the answer compared."""

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
from sidecar.suites.checks import missing
from sidecar.suites.facts import World
from sidecar.suites.grids import lay_out
from sidecar.suites.model import Cell, Suite


def ask(suites: Iterable[Suite], policy: Policy, worlds: Path) -> tuple[Cell, ...]:
    """Ask every cell of all suites; each has what was wrong with its answer, if anything.

    Args:
        suites: The suites.
        policy: What is asked.
        worlds: The directory in which each suite's world is another directory, in the format of
            a mount.

    Raises:
        InvalidSuiteError: Suites name a world that is not there, expect what they never ask,
            contradict themselves, change the world in a way that cannot be, or expect a denial
            that only a slip makes true; all that is wrong with all of them.
        InvalidSnapshotError: A world cannot be read.
    """
    problems: list[Problem] = []
    asked: list[Cell] = []
    for suite in suites:
        for cell, snapshot in _placed(suite, policy, worlds, problems):
            problems += missing(cell, policy, snapshot)
            asked.append(replace(cell, failure=failure(cell, policy, snapshot)))
    if problems:
        raise InvalidSuiteError(problems)
    return tuple(asked)


def placed(
    suites: Iterable[Suite], policy: Policy, worlds: Path
) -> tuple[tuple[Cell, Snapshot], ...]:
    """Return every cell of all suites with its facts, to be asked of several policies.

    Raises:
        InvalidSuiteError: Suites cannot be used.
        InvalidSnapshotError: A world cannot be read.
    """
    problems: list[Problem] = []
    found = [each for suite in suites for each in _placed(suite, policy, worlds, problems)]
    if problems:
        raise InvalidSuiteError(problems)
    return tuple(found)


def cells(suite: Suite, policy: Policy, worlds: Path) -> tuple[Cell, ...]:
    """Ask every cell of one suite, as `ask` does.

    Raises:
        InvalidSuiteError: The suite cannot be used.
        InvalidSnapshotError: Its world cannot be read.
    """
    return ask((suite,), policy, worlds)


def _placed(
    suite: Suite, policy: Policy, worlds: Path, problems: list[Problem]
) -> Iterator[tuple[Cell, Snapshot]]:
    laid_out = lay_out(suite, policy.schema, policy.sentences, problems)
    try:
        world = World(suite, policy.schema, worlds)
    except InvalidSuiteError as error:
        problems += error.problems
        return
    for _, of_case in groupby(laid_out, key=lambda cell: cell.case.line):
        try:
            found = [(cell, world.snapshot(cell.case)) for cell in of_case]
        except InvalidSuiteError as error:
            problems += error.problems
            continue
        yield from found


def failure(cell: Cell, policy: Policy, snapshot: Snapshot) -> str | None:
    """Return what is wrong with a policy's answer to a cell; None where it is as expected."""
    try:
        decision = authorize(cell.request(), policy, snapshot, cell.case.now)
    except InvalidRequestError as error:
        return f"cannot be asked: {error}"
    return _difference(cell, decision)


def _difference(cell: Cell, decision: Decision) -> str | None:
    reasons = tuple(sorted(reason.code for reason in decision.reasons))
    obligations = tuple(sorted(obligation.code for obligation in decision.obligations))
    if cell.allowed and not decision.allowed:
        return f"is denied because of {_listed(reasons)}, and should be allowed"
    if decision.allowed and not cell.allowed:
        return "is allowed, and should be denied"
    if cell.reasons is None and decision.faults:
        # Whoever expects a denial expects the policy to decide it.
        return f"is denied only because a rule failed: {'; '.join(decision.faults)}"
    if cell.reasons is not None and reasons != cell.reasons:
        return f"is denied because of {_listed(reasons)}, and not of {_listed(cell.reasons)}"
    if cell.obligations is not None and obligations != cell.obligations:
        return f"obliges to {_listed(obligations)}, and not to {_listed(cell.obligations)}"
    return None


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) or "nothing"
