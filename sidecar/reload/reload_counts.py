"""Counting what a process takes into use, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.errors import Problem
from sidecar.metrics import Counters
from sidecar.metrics.catalog import RELOADS
from sidecar.reload.pair import Pair


class ReloadCounts:
    """The counts of one process. Of each method there is one call at a time."""

    def __init__(self, counters: Counters | None) -> None:
        """Begin.

        Args:
            counters: Of the process; None if nobody sees them.
        """
        self._counters = counters or Counters()
        self._refused: dict[str, Sequence[Problem]] = {"policy": (), "facts": ()}

    def used(self, before: Pair | None, after: Pair) -> None:
        """Count a policy, or facts, that a pair has and the one before had not."""
        if before is None or before.policy.revision != after.policy.revision:
            self._counters.add(RELOADS, "policy", "used")
        if before is None or before.snapshot.revision != after.snapshot.revision:
            self._counters.add(RELOADS, "facts", "used")

    def refused(self, policy: Sequence[Problem], facts: Sequence[Problem]) -> None:
        """Count faults that were not reported before, of a policy or of facts once each."""
        for name, problems in (("policy", policy), ("facts", facts)):
            if problems != self._refused[name]:
                self._refused[name] = problems
                if problems:
                    self._counters.add(RELOADS, name, "refused")
