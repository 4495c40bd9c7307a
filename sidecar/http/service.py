"""The desk: where questions come in, with all that their answers are taken from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf

from sidecar.decision_log import DecisionLog, Entries, Occasion
from sidecar.facts import Snapshot
from sidecar.http.freshness import NO_DEMAND, Demand, demand_of
from sidecar.http.message import Fields
from sidecar.http.request_context import Asking
from sidecar.reload import Pair

utc_now = partial(datetime.now, UTC)  # noqa: TID251  the transports are where the clock is asked
"""Returns the moment, aware, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where questions come in: the source of pairs, their age, the clock, and the decision log."""

    current: Callable[[], Pair]
    age: Callable[[Snapshot], float]
    now: Callable[[], datetime]
    follows: Callable[[Snapshot, str], bool]
    """Tells whether a snapshot is of a revision, or newer."""
    log: DecisionLog | None = None
    max_staleness: float = inf
    """Facts of which nobody has seen for so many seconds that the mount still holds them answer
    nothing."""
    with_context: bool = True
    """Whether AuthZEN's decisions have a `context` where there are no obligations."""

    def open(
        self,
        fields: Fields,
        *,
        moment: datetime | None = None,
        aged: bool = True,
    ) -> Asking:
        """Take the pair that is current at this moment, for all of one request.

        Args:
            fields: What the head of the request says.
            moment: At which it is answered while others wait; None where nobody waits.
            aged: Whether the caller may want to know how old the facts are.

        Raises:
            SnapshotUnavailableError: There is none.
            InvalidRequestError: A header that demands new facts is malformed.
        """
        demand = NO_DEMAND
        if fields.demand is not None or self.max_staleness is not inf:
            said = demand_of(fields.demand)
            demand = Demand(min(self.max_staleness, said.max_age), said.min_revision)
        pair, now = self.current(), moment or self.now()
        age = self.age(pair.snapshot) if aged or demand is not NO_DEMAND else inf
        entries: Entries | None = None
        if self.log is not None:
            entries = self.log.entries(Occasion(pair.policy, pair.snapshot, now, fields.request_id))
        return Asking(
            pair,
            now,
            age,
            entries,
            brief=moment is not None,
            demand=demand,
            follows=self.follows,
        )

    def is_stale(self, snapshot: Snapshot) -> bool:
        """Tell whether the operator wants no answer from these facts any more."""
        return self.max_staleness is not inf and self.age(snapshot) > self.max_staleness

    def tell(self, lines: Sequence[bytes], *, wait: bool = True) -> None:
        """Write lines to the decision log.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
            LogBusyError: Writing would wait, and the caller may not.
        """
        if lines and self.log is not None:
            self.log.write(lines, wait=wait)
