"""The page *Health*: what is in use, what is wrong, and what was decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from flask import Blueprint, render_template

from sidecar.errors import SnapshotUnavailableError
from sidecar.page.context import Page, Values

MOST_ROWS = 20
"""Actions and reasons that are listed; the most frequent come first."""


class DecisionRow(NamedTuple):
    """How often one action was decided."""

    type: str
    action: str
    allowed: int
    denied: int


class DenialRow(NamedTuple):
    """How often one action was denied for one reason."""

    type: str
    action: str
    code: str
    sentence: str
    times: int


def add(views: Blueprint, page: Page) -> None:
    """Add `/page/health`."""

    @views.get("/page/health")
    def health() -> str:
        """Show the state of the sidecar."""
        counts = page.counts() if page.counts else None
        return render_template(
            "page/health.html",
            status=page.status() if page.status else None,
            state=page.pairs.state() if page.status is None else None,
            decisions=decision_rows(counts.decisions) if counts else (),
            denials=denial_rows(counts.reasons, _sentences(page)) if counts else (),
            reloads={" ".join(key): int(value) for key, value in counts.reloads.items()}
            if counts
            else {},
            is_counted=counts is not None,
        )


def decision_rows(decisions: Values) -> tuple[DecisionRow, ...]:
    """Return the actions that were decided most often."""
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (type_name, action, decision), count in decisions.items():
        found[type_name, action][decision] = int(count)
    rows = [
        DecisionRow(*names, each.get("allow", 0), each.get("deny", 0))
        for names, each in found.items()
    ]
    rows.sort(key=lambda row: (-row.allowed - row.denied, row))
    return tuple(rows[:MOST_ROWS])


def denial_rows(reasons: Values, sentences: Mapping[str, str]) -> tuple[DenialRow, ...]:
    """Return the most frequent denials, with the sentences of their reasons."""
    rows = [
        DenialRow(type_name, action, code, sentences.get(code, ""), int(count))
        for (type_name, action, code), count in reasons.items()
    ]
    rows.sort(key=lambda row: (-row.times, row))
    return tuple(rows[:MOST_ROWS])


def _sentences(page: Page) -> Mapping[str, str]:
    if page.closed:
        return {}
    try:
        return page.pairs.current().policy.sentences.reasons
    except SnapshotUnavailableError:
        return {}
