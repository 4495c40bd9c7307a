"""How `sidecar test` prints what the suites try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from sidecar.cli.formats import JSON, MARKDOWN
from sidecar.engine.policy import Policy
from sidecar.review.coverage import MOST_WAYS, Clause, Coverage, Covered, Untried
from sidecar.suites import Suite

_MOST_CASES = 20
"""Cases that people get at once; programs get all."""


class Covering:
    """What the suites of a pack try, with the cases that would try more."""

    def __init__(self, policy: Policy, suites: Sequence[Suite], worlds: Path, output: str) -> None:
        """Put the suites to all trees of a policy that was loaded for review.

        Raises:
            InvalidSuiteError: Suites cannot be used.
            InvalidSnapshotError: A world cannot be read.
        """
        covered = Covered(policy, suites, worlds)
        self._coverage: Coverage = covered.coverage()
        most = None if output == JSON else _MOST_CASES
        self._cases = list(islice(covered.cases(self._coverage.untried), most))

    def text(self, output: str) -> Iterator[str]:
        """Yield lines: both percentages, the rules that hold in no cell, the cases."""
        found = self._coverage
        held = found.clauses - len(found.idle)
        followed = found.ways - len(found.untried)
        mark = "- " if output == MARKDOWN else ""
        at_least = "at least " if found.cut else ""
        yield (
            f"{mark}rules: {percent(held, found.clauses)} %, "
            f"{held} of {found.clauses} hold in a request of the suites"
        )
        yield (
            f"{mark}leaves: {percent(followed, found.ways)} %, {followed} of {at_least}"
            f"{found.ways} ways to them are followed by a request of the suites"
        )
        if found.cut:
            yield (
                f"{mark}{found.cut} trees have more ways: {MOST_WAYS} not followed are counted "
                "of each"
            )
        for clause in found.idle:
            yield f"{mark}{_place(clause)} holds in no request of the suites"
        for clause in found.unknown:
            yield f"{mark}{_place(clause)} is put to Oso, and is not counted"
        if not found.untried:
            return
        yield f"{mark}cases to paste, each follows a way that no other does: {len(self._cases)}"
        if output == MARKDOWN:
            yield from ("", "```yaml")
        for case in self._cases:
            yield from ("", *case.splitlines())
        if output == MARKDOWN:
            yield "```"

    def members(self) -> dict[str, object]:
        """Return all of it as JSON."""
        found = self._coverage
        held = found.clauses - len(found.idle)
        followed = found.ways - len(found.untried)
        return {
            "rules": {
                "percent": percent(held, found.clauses),
                "covered": held,
                "total": found.clauses,
                "uncovered": [_clause(each) for each in found.idle],
                "not_counted": [_clause(each) for each in found.unknown],
            },
            "leaves": {
                "percent": percent(followed, found.ways),
                "covered": followed,
                "total": found.ways,
                "trees_cut": found.cut,
                "uncovered": [_way(each) for each in found.untried],
            },
            "cases": self._cases,
        }


def percent(part: int, whole: int) -> int:
    """Return a percentage, rounded down: only all of it is 100."""
    return 100 * part // whole if whole else 100


def _place(clause: Clause) -> str:
    return f"{clause.file}:{clause.line}: this rule of `{clause.rule}`"


def _clause(clause: Clause) -> dict[str, object]:
    return {"file": clause.file, "line": clause.line, "rule": clause.rule}


def _way(untried: Untried) -> dict[str, object]:
    subject, resource = untried.tree.scope
    return {
        "tree": untried.tree.what,
        "subject": subject,
        "resource": resource,
        "actions": untried.tree.actions,
        "conditions": list(untried.conditions),
    }
