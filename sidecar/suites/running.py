"""Running of suites: each cell of a grid is put to the policy, and the answer compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sidecar.decide import decide
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot
from sidecar.model import Decision, Request
from sidecar.policy import Policy
from sidecar.suites.cases import Cell, Suite
from sidecar.suites.grids import lay_out
from sidecar.suites.worlds import World


def cells(suite: Suite, policy: Policy, worlds: Path) -> Iterator[Cell]:
    """Ask every cell of a suite; yield each with what was wrong with its answer, if anything.

    Args:
        suite: The suite.
        policy: What is asked.
        worlds: The directory in which the suite's world is another directory, in the format of
            a mount.

    Raises:
        InvalidSuiteError: The suite names a world that is not there, expects what it never asks,
            contradicts itself, or changes the world in a way that cannot be.
        InvalidSnapshotError: The world cannot be read.
    """
    laid_out = lay_out(suite, policy.schema, policy.sentences)
    world = World(suite, policy.schema, worlds)
    for cell in laid_out:
        yield replace(cell, failure=_failure(cell, policy, world.snapshot(cell.case)))


def _failure(cell: Cell, policy: Policy, snapshot: Snapshot) -> str | None:
    request = Request(
        subject=cell.subject,
        action=cell.action,
        resource=cell.resource,
        subject_properties=cell.case.subject_properties,
        action_properties=cell.case.action_properties,
        resource_properties=cell.case.resource_properties,
        context=cell.case.context,
    )
    try:
        decision = decide(request, policy, snapshot, cell.case.now)
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
