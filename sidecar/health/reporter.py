"""The report of a worker: its pair, and all that is wrong in its process."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from sidecar.decision_log import DecisionLog
from sidecar.engine.policy import Policy
from sidecar.errors import Problem
from sidecar.facts import Facts
from sidecar.health.policy_state import PolicyState, policy_state
from sidecar.health.process_state import LogState, ProcessState, Trouble, WorkerState
from sidecar.model import Revisions
from sidecar.reload import Pair, State
from sidecar.routes import Routes
from sidecar.watch import elapsed

_SECONDS = re.compile(r"\b[0-9]+ s\b")
"""What differs in the same problem from one moment to the next."""


class Pairs(Protocol):
    """The source of the current policy and snapshot."""

    def current(self) -> Pair:
        """Return the pair to answer from.

        Raises:
            SnapshotUnavailableError: There is none.
        """

    def age(self, snapshot: Facts) -> float:
        """Return the seconds since the mount was last seen to hold a snapshot."""

    def follows(self, snapshot: Facts, revision: str) -> bool:
        """Return whether a snapshot is of a revision, or newer."""

    def state(self) -> State:
        """Return the pair, and what is wrong with the newest files."""


class Access(Protocol):
    """Who may ask."""

    def problems(self) -> Sequence[Problem]:
        """Return why nobody may."""

    def failures(self) -> Sequence[Problem]:
        """Return what is wrong with looking at the tokens, though callers may ask."""


class Verifier(Protocol):
    """Verifies JWTs."""

    def problems(self) -> Sequence[Problem]:
        """Return why it cannot."""


class Certificate(Protocol):
    """The certificate for TLS."""

    expires: float | None
    """In seconds since 1970."""

    def problems(self) -> Sequence[Problem]:
        """Return why the newest files are not in use."""


class Troubles:
    """Remembers since when a process has had each of its problems."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Remember nothing.

        Args:
            now: Returns seconds since 1970.
        """
        self._now = now
        self._since: dict[tuple[str, int, str], float] = {}

    def of(self, problems: Sequence[Problem]) -> tuple[Trouble, ...]:
        """Return the present problems, each once."""
        before, self._since, moment = self._since, {}, self._now()
        found = []
        for each in dict.fromkeys(problems):
            key = (each.file, each.line, _SECONDS.sub("", each.message))
            since = self._since[key] = before.get(key, moment)
            found.append(Trouble(each.file, each.line, each.message, since))
        return tuple(found)


@dataclass(kw_only=True)
class Reporter:
    """Reports what a worker answers from."""

    pairs: Pairs
    log: DecisionLog | None
    max_staleness: float
    access: Access
    verifier: Verifier | None = None
    """Verifies JWTs; None without keys."""
    certificate: Certificate | None = None
    """None without TLS."""
    clock: Callable[[], float] = elapsed
    """Returns seconds of the clock of all processes."""
    now: Callable[[], float] = time.time
    """Returns seconds since 1970."""
    _troubles: Troubles = field(init=False)
    _started: float = field(init=False)
    _policy: tuple[Policy, PolicyState] | None = field(default=None, init=False)
    _in_use: tuple[Revisions | None, float] = field(default=(None, 0.0), init=False)
    """The revisions of the last report, and when they were first reported."""

    def __post_init__(self) -> None:
        self._troubles, self._started = Troubles(self.now), self.now()

    def report(self) -> ProcessState:
        """Return the present state of the worker."""
        state, certificate = self.pairs.state(), self.certificate
        age = self.pairs.age(state.pair.snapshot) if state.pair else inf
        revisions = state.pair.revisions() if state.pair else None
        if revisions != self._in_use[0]:
            self._in_use = (revisions, self.now())
        return ProcessState(
            kind="worker",
            pid=os.getpid(),
            started=self._started,
            reported=self.clock(),
            problems=self._troubles.of(self._problems(state)),
            certificate_until=certificate.expires if certificate else None,
            worker=WorkerState(
                revisions=revisions,
                since=self._in_use[1],
                age=None if age == inf else age,
                is_stale=revisions is not None and age > self.max_staleness,
                admits_nobody=bool(self.access.problems()),
                policy=self._policy_state(state.pair.policy) if state.pair else None,
                waiting=state.waiting,
                log=_log_state(self.log),
            ),
        )

    def _problems(self, state: State) -> list[Problem]:
        return [
            *self.access.problems(),
            *self.access.failures(),
            *(self.certificate.problems() if self.certificate else ()),
            *state.problems,
            *(self.log.problems() if self.log else ()),
            *self._key_problems(state.pair),
        ]

    def _key_problems(self, pair: Pair | None) -> Sequence[Problem]:
        if self.verifier is not None:
            return self.verifier.problems()
        if pair is None or not _needs_keys(pair.policy.routes):
            return ()
        message = "identifies subjects by JWT, and there are no keys: give `--jwks FILE`"
        return (Problem("routes.yaml", 0, message),)

    def _policy_state(self, policy: Policy) -> PolicyState:
        if self._policy is None or self._policy[0] is not policy:
            self._policy = (policy, policy_state(policy))
        return self._policy[1]


def _needs_keys(routes: Routes | None) -> bool:
    return routes is not None and any(not each.identification.header for each in routes.routes)


def _log_state(log: DecisionLog | None) -> LogState | None:
    if log is None:
        return None
    return LogState(log.name, log.on_failure.value, log.failure, log.lost())
