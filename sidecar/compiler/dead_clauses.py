"""Clauses that hold for no request, whatever the facts are."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sidecar.compiler.explorer import Explorer, gone_through
from sidecar.compiler.program import Clause
from sidecar.errors import Problem
from sidecar.polar.checks import ENTRY_POINTS
from sidecar.polar.reachability import BUILT_IN


def never(explorer: Explorer, probes: Collection[str] = ()) -> tuple[list[Problem], list[Problem]]:
    """Return the rules that hold for no request, those that are refused first.

    A prohibition or an obligation that never holds is lost; and so is a rule of one's own, which
    grants to everybody where it stands under `not`. A grant that never holds is only useless.
    A reviewer's probe may well never hold: an invariant is there for the day when it would.

    Args:
        explorer: What was explored.
        probes: The rules of a reviewer's, each in a file that is called as it is.
    """
    refused: list[Problem] = []
    noticed: list[Problem] = []
    files = {f"{name}.polar" for name in probes}
    for clause in _dead(explorer):
        if clause.file in files:
            continue
        message = f"this rule of `{clause.rule}` can never hold; mend its types or conditions"
        grants = clause.rule in {"allow", *BUILT_IN}
        problem = Problem(clause.file, clause.line, message)
        (noticed if grants else refused).append(problem)
    return refused, noticed


def _dead(explorer: Explorer) -> Iterator[Clause]:
    """Yield the clauses that were asked, and hold for no request.

    Those that look at the settings are left out: another setting brings them to life.
    """
    asked = explorer.clauses() | {clause.number for clause, *_ in explorer.passed_over()}
    dead = asked - explorer.clauses(alive=True) - explorer.unsettled
    inlined = gone_through(explorer)
    of_settings = explorer.program.mentioning("settings")
    for clauses in explorer.program.clauses.values():
        for clause in clauses:
            if (
                clause.node is not None
                and clause.number in dead
                and clause.rule not in inlined
                and not _can_vary(clause, of_settings)
            ):
                yield clause


def _can_vary(clause: Clause, of_settings: frozenset[str]) -> bool:
    """Return whether another setting can bring a clause to life.

    Each clause of an entry point is asked whatever the others say. Any other rule may be asked
    with other operands then, so all of its clauses count.

    Args:
        clause: One that never holds.
        of_settings: The rules that look at the settings, or call one that does.
    """
    if clause.rule not in ENTRY_POINTS:
        return clause.rule in of_settings
    called = of_settings - ENTRY_POINTS.keys()
    return any(map(clause.names, ("settings", *called)))
