"""What one process of a sidecar reports of itself."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from sidecar.errors import Problem
from sidecar.health.policy_state import PolicyState
from sidecar.model import Revisions


class Trouble(Struct, frozen=True):
    """A problem, and since when a process has had it."""

    file: str
    line: int
    message: str
    since: float
    """Seconds since 1970."""

    @property
    def problem(self) -> Problem:
        """The problem without its time."""
        return Problem(self.file, self.line, self.message)


class LogState(Struct, frozen=True):
    """The decision log, as one process writes it."""

    path: str
    on_failure: str
    failure: str
    """Why the last lines of this process were not written; empty if they were."""
    lost: int
    """Lines that all processes together have lost since the start."""

    @property
    def refuses(self) -> bool:
        """Whether responses are refused because they cannot be logged."""
        return bool(self.failure) and self.on_failure == "refuse"


class WorkerState(Struct, frozen=True, kw_only=True):
    """What a worker answers from."""

    revisions: Revisions | None
    """None before the first good pair."""
    since: float
    """Since when these are in use, in seconds since 1970."""
    age: float | None
    """Seconds since the last completed look at the facts; None without one that confirms them."""
    is_stale: bool
    """Whether the facts are older than `--max-staleness`."""
    admits_nobody: bool
    """Whether the file of tokens cannot be used."""
    policy: PolicyState | None
    waiting: str
    """The revision of the newest pack while it waits for facts that fit; empty if none does."""
    log: LogState | None

    @property
    def is_ready(self) -> bool:
        """Whether it can decide."""
        return not (
            self.revisions is None
            or self.is_stale
            or self.admits_nobody
            or (self.log is not None and self.log.refuses)
        )


class FollowerState(Struct, frozen=True, kw_only=True):
    """How far the follower has come."""

    source: str
    """Its name in problems, without a password; empty before it is opened."""
    kind: str
    epoch: str
    mark: str
    """With kind and epoch the position in the source; all three are empty before there is one."""
    revision: str
    """Of the facts in the store; empty before there are any."""
    is_building: bool
    """Whether all rows are being read."""


class ProcessState(Struct, frozen=True, kw_only=True):
    """The report of one process."""

    kind: Literal["master", "worker", "follower", "admin"]
    pid: int
    started: float
    """Seconds since 1970."""
    reported: float
    """When this was reported, in seconds of the clock of all processes (`watch.elapsed`)."""
    problems: tuple[Trouble, ...] = ()
    certificate_until: float | None = None
    """When its certificate for TLS expires, in seconds since 1970; None without one."""
    worker: WorkerState | None = None
    follower: FollowerState | None = None
