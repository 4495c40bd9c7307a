"""The output of `sidecar test --coverage`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from sidecar.cli.formats import JSON, MARKDOWN
from sidecar.engine.policy import Policy
from sidecar.review.coverage import MOST_WAYS, Clause, Coverage, Covered, Untried
from sidecar.suites import Suite

_MAX_CASES = 20
"""Cases that are printed as text; the JSON has all."""


class CoverageReport:
    """The coverage of the suites of a pack, with cases that would extend it."""

    def __init__(self, policy: Policy, suites: Sequence[Suite], worlds: Path, output: str) -> None:
        """Measure the coverage of the suites in a policy that was loaded for review.

        Raises:
            InvalidSuiteError: Suites are invalid.
            InvalidSnapshotError: A world cannot be read.
        """
        covered = Covered(policy, suites, worlds)
        self._coverage: Coverage = covered.coverage()
        most = None if output == JSON else _MAX_CASES
        self._cases = list(islice(covered.cases(self._coverage.untried), most))

    def text(self, output: str) -> Iterator[str]:
        """Yield lines: the percentages, the rules that hold in no cell, the cases."""
        coverage = self._coverage
        held = coverage.clauses - len(coverage.idle)
        followed = coverage.ways - len(coverage.untried)
        mark = "- " if output == MARKDOWN else ""
        at_least = "at least " if coverage.cut else ""
        yield (
            f"{mark}rules: {percent(held, coverage.clauses)} %, "
            f"{held} of {coverage.clauses} hold in a request of the suites"
        )
        yield (
            f"{mark}leaves: {percent(followed, coverage.ways)} %, {followed} of {at_least}"
            f"{coverage.ways} ways to them are followed by a request of the suites"
        )
        if coverage.cut:
            yield (
                f"{mark}{coverage.cut} trees have more ways: {MOST_WAYS} not followed are counted "
                "of each"
            )
        for clause in coverage.idle:
            yield f"{mark}{_place(clause)} holds in no request of the suites"
        for clause in coverage.unknown:
            yield f"{mark}{_place(clause)} is put to Oso, and is not counted"
        if not coverage.untried:
            return
        yield f"{mark}cases to paste, each follows a way that no other does: {len(self._cases)}"
        if output == MARKDOWN:
            yield from ("", "```yaml")
        for case in self._cases:
            yield from ("", *case.splitlines())
        if output == MARKDOWN:
            yield "```"

    def members(self) -> dict[str, object]:
        """Return the report as JSON."""
        coverage = self._coverage
        held = coverage.clauses - len(coverage.idle)
        followed = coverage.ways - len(coverage.untried)
        return {
            "rules": {
                "percent": percent(held, coverage.clauses),
                "covered": held,
                "total": coverage.clauses,
                "uncovered": [_clause(clause) for clause in coverage.idle],
                "not_counted": [_clause(clause) for clause in coverage.unknown],
            },
            "leaves": {
                "percent": percent(followed, coverage.ways),
                "covered": followed,
                "total": coverage.ways,
                "trees_cut": coverage.cut,
                "uncovered": [_way(untried) for untried in coverage.untried],
            },
            "cases": self._cases,
        }


def percent(part: int, whole: int) -> int:
    """Return a percentage, rounded down, so that only the whole is 100."""
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
