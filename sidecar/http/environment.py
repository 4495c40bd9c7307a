"""What all requests are answered from, and within which bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from math import inf

from sidecar.decision_log import DecisionLog
from sidecar.facts import Facts
from sidecar.http.json_body import MAX_DEPTH
from sidecar.http.pagination import Paging
from sidecar.http.subjects import TokenVerifier
from sidecar.metrics import Counters
from sidecar.reload import Pair

utc_now = partial(datetime.now, UTC)  # noqa: TID251  the transports are where the clock is read
"""Returns the moment, aware, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask for at most."""

    max_body_bytes: int = 64 * 1024
    max_depth: int = MAX_DEPTH
    max_evaluations: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The source of pairs, their age, the clock, the decision log, and the operator's bounds."""

    current: Callable[[], Pair]
    """Returns the pair to answer from; raises `SnapshotUnavailableError` where there is none."""
    age: Callable[[Facts], float]
    """Returns for how many seconds nobody has seen that the mount still holds a snapshot."""
    follows: Callable[[Facts, str], bool]
    """Tells whether a snapshot is of a revision, or newer."""
    now: Callable[[], datetime]
    limits: Limits
    paging: Paging
    counters: Counters = field(default_factory=Counters)
    log: DecisionLog | None = None
    max_staleness: float = inf
    """Facts of a greater age answer nothing."""
    min_revision_seconds: float = 0.0
    """How long a request waits, in a thread, for the facts of its `min_revision`."""
    request_look: Callable[[], None] | None = None
    """Has the source of facts looked at before its time; None where nobody can."""
    tokens: TokenVerifier | None = None
    """Verifies the JWTs of gateways; None where there are no keys."""
    with_context: bool = True
    """Whether AuthZEN's decisions have a `context` where there are no obligations."""

    def is_stale(self, snapshot: Facts) -> bool:
        """Tell whether the operator wants no answer from these facts any more."""
        return self.max_staleness is not inf and self.age(snapshot) > self.max_staleness
