"""The desk: where questions come in, with all that their answers are taken from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf

from sidecar.audit import DecisionLog, Entries, Occasion
from sidecar.facts import Snapshot
from sidecar.http.asking import Asking
from sidecar.reloading import Pair

utc_now = partial(datetime.now, UTC)  # noqa: TID251  the transports are where the clock is asked
"""Returns the moment, aware, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where questions come in: the source of pairs, their age, the clock, and the decision log."""

    current: Callable[[], Pair]
    age: Callable[[Snapshot], float]
    now: Callable[[], datetime]
    log: DecisionLog | None = None
    with_context: bool = True
    """Whether AuthZEN's decisions have a `context` where there are no obligations."""

    def open(
        self, request_id: str | None = None, *, moment: datetime | None = None, aged: bool = True
    ) -> Asking:
        """Take the pair that is current at this moment, for all of one request.

        Args:
            request_id: The header `X-Request-ID`, for the decision log.
            moment: At which it is answered while others wait; None where nobody waits.
            aged: Whether anybody wants to know how old the facts are.

        Raises:
            SnapshotUnavailableError: There is none.
        """
        pair, now = self.current(), moment or self.now()
        age = self.age(pair.snapshot) if aged else inf
        entries: Entries | None = None
        if self.log is not None:
            entries = self.log.entries(Occasion(pair.policy, pair.snapshot, now, request_id))
        return Asking(pair, now, age, entries, brief=moment is not None)

    def tell(self, lines: Sequence[bytes]) -> None:
        """Write lines to the decision log.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
        """
        if lines and self.log is not None:
            self.log.write(lines)
