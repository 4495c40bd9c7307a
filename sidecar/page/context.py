"""What the pages are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from sidecar.admin.status import Status
from sidecar.facts import Facts
from sidecar.page.reviewer import Reviewer
from sidecar.reload import Pair, State

Values = Mapping[tuple[str, ...], float]
"""Values of a metric by those of its labels."""


class Pairs(Protocol):
    """The policy and the facts that callers get their decisions from."""

    def current(self) -> Pair:
        """Return the current pair.

        Raises:
            SnapshotUnavailableError: There is none yet.
        """

    def age(self, snapshot: Facts) -> float:
        """Return the seconds since the source was last seen to hold a snapshot."""

    def state(self) -> State:
        """Return the pair, and the problems of the newest files."""


class Counts(NamedTuple):
    """What the processes have counted since the start."""

    decisions: Values
    """By type of the resource, action, and `allow` or `deny`."""
    reasons: Values
    """By type of the resource, action and reason of the denial."""
    reloads: Values
    """By `policy` or `facts`, and `used` or `refused`."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the pages show, and who may see it."""

    pairs: Pairs
    clock: Callable[[], datetime]
    """Returns the current time, with its zone."""
    has_tokens: bool
    """Whether every request has shown a token before it comes here."""
    reviewer: Reviewer | str
    """The reviewers' tools, or why there are none."""
    closed: str = ""
    """Why policy and facts are not shown; empty where they are."""
    status: Callable[[], Status] | None = None
    """Returns what the processes report; None where there are no processes."""
    counts: Callable[[], Counts] | None = None
    """Returns what they have counted; None where nothing is counted."""
