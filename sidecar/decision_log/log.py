"""The decision log: what is written before answers go out, and what happens when it cannot be."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from enum import Enum

from sidecar.decision_log.chain import Chain, Line, Write
from sidecar.decision_log.entry import (
    GATEWAY,
    PERMISSIONS,
    SEARCH,
    Entry,
    entry_of,
    entry_of_decision,
)
from sidecar.decision_log.file import LineFile, UnwrittenError
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.line import Lines
from sidecar.decision_log.shared import MAX_CHAINS
from sidecar.decision_log.timestamps import Stamps
from sidecar.engine.policy import Policy
from sidecar.engine.trace import record_of
from sidecar.errors import DecisionLogError, Problem
from sidecar.facts import Facts
from sidecar.model import Decision, PermittedActions, Request
from sidecar.watch import CheckLoop

LOG = logging.getLogger("sidecar")


class OnFailure(Enum):
    """What happens to an answer that cannot be logged."""

    REFUSE = "refuse"
    """It is not given."""
    COUNT = "count"
    """It is given and counted; `/readyz` and the log tell how many there were."""


class DecisionLog:
    """A line for each decision, and one for each search and each list of permissions."""

    def __init__(
        self, file: LineFile, hashing: Hashing, on_failure: OnFailure, *, searches: bool = True
    ) -> None:
        """Prepare to log.

        Args:
            file: Where lines are written.
            hashing: Of sensitive values.
            on_failure: What happens to an answer that cannot be logged.
            searches: Whether searches and lists of permissions are logged, beside decisions.
        """
        self._file = file
        self._chain = Chain(
            file.shared,
            hashing.seal(),
            file.clock,
            predecessor=file.predecessor,
            key=hashing.key_name(),
            counts=on_failure is OnFailure.COUNT,
        )
        self._searches = searches
        self._lines = Lines(hashing)
        self.stamp = Stamps().stamp
        self._loop = CheckLoop("decision log", self._look)
        self.on_failure = on_failure
        self.failure = ""
        """Of the last lines that this process wrote; empty when they were written."""

    def decision(  # noqa: PLR0913, PLR0917  all that a line tells
        self,
        request: Request,
        decision: Decision,
        policy: Policy,
        facts: Facts,
        now: datetime,
        gateway: Mapping[str, object] | None = None,
    ) -> Entry:
        """Return the entry of a decision, with the facts that it was made from.

        Args:
            request: What was asked.
            decision: The decision of the policy.
            policy: The policy.
            facts: The snapshot.
            now: The moment of the decision.
            gateway: By which route a gateway asked, and what it was answered; None where none did.
        """
        read, rules = record_of(request, policy, facts, now)
        return entry_of_decision(
            {
                "revisions": _revisions(policy, facts),
                **({} if gateway is None else {"gateway": gateway}),
                **self._lines.asked(request, policy.schema),
                **self._lines.answered(decision, read, policy.settings, rules),
            }
        )

    def refusal(
        self, reason: str, gateway: Mapping[str, object], policy: Policy, facts: Facts
    ) -> Entry:
        """Return the entry of a request at a gateway that was denied before the policy was asked.

        Args:
            reason: The code.
            gateway: As for `decision`.
            policy: The current policy.
            facts: The current snapshot.
        """
        members = {"revisions": _revisions(policy, facts), "gateway": gateway}
        return entry_of(GATEWAY, {**members, "decision": False, "reasons": [reason]})

    def permissions(
        self, request: Request, permitted: PermittedActions, policy: Policy, facts: Facts
    ) -> Entry | None:
        """Return the entry of a list of permissions, which an action search is too; or None."""
        if not self._searches:
            return None
        obligations = {
            name: [obligation.code for obligation in obligations]
            for name, obligations in permitted.obligations.items()
        }
        return entry_of(
            PERMISSIONS,
            {
                "revisions": _revisions(policy, facts),
                **self._lines.asked_of_all(request, policy.schema),
                "found": permitted.actions,
                "obligations": obligations,
            },
        )

    def search(
        self,
        request: Request,
        type_name: str,
        ids: Sequence[str],
        policy: Policy,
        facts: Facts,
    ) -> Entry | None:
        """Return the entry of a search for entities, or None; the request leaves their id empty."""
        if not self._searches:
            return None
        return entry_of(
            SEARCH,
            {
                "revisions": _revisions(policy, facts),
                **self._lines.asked(request, policy.schema),
                **self._lines.found(type_name, ids, policy.schema),
            },
        )

    def start(self, seconds: float) -> None:
        """Look at the file so often, in a thread.

        It is closed where it is no longer the one at its path: a process that has nothing to log
        would keep a deleted file, and its space, for ever. It is renamed where its period is over:
        what ships renamed files waits for it. One that could not be written is tried again: while
        `/readyz` fails no request may come that would try it.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        self._loop.start(seconds)

    def write(self, lines: Sequence[Line], *, wait: bool = True) -> None:
        """Write lines, of one request or of several, before any of their answers goes out.

        Args:
            lines: One or more.
            wait: Whether the caller may be kept waiting.

        Raises:
            DecisionLogError: They cannot be written, and no answer is to go unlogged.
            LogBusyError: Writing would wait, and the caller may not.
        """
        try:
            self._file.write(Write(self._chain, lines), wait=wait)
        except UnwrittenError as error:
            self._fail(error)
        else:
            self._written()

    def _look(self) -> None:
        with suppress(OSError):  # whoever writes next reports it
            self._file.look()
        if self.failure:
            try:
                self._file.write(Write(self._chain, (), ends=True))
            except UnwrittenError as error:
                LOG.debug("the decision log still cannot be written: %s", error.strerror)
            else:
                self._written()

    def _written(self) -> None:
        if self.failure:
            LOG.warning("the decision log is written again; it lacks %d", self.lost())
            self.failure = ""

    @property
    def name(self) -> str:
        """The path of the file, or how standard output is called."""
        return self._file.name

    def lines(self) -> int:
        """Return how many lines all processes together have written since the start."""
        return sum(self._file.shared.lengths(MAX_CHAINS).values())

    def lost(self) -> int:
        """Return how many lines all processes together have lost since the start."""
        return self._file.shared.lost()

    def end(self) -> None:
        """End the chain of this process with a line that says so, if it was begun."""
        if self._chain.is_begun():
            try:
                self._file.write(Write(self._chain, (), ends=True))
            except UnwrittenError as error:
                LOG.warning("the decision log does not end: %s", error.strerror)

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the log: what this process cannot write, what all have lost."""
        problems = []
        if self.failure:
            problems.append(f"cannot be written: {self.failure}")
        if lost := self.lost():
            problems.append(f"lacks {lost} answers that were given all the same")
        return tuple(Problem(self._file.name, 0, message) for message in problems)

    def _fail(self, error: UnwrittenError) -> None:
        failure = error.strerror or type(error).__name__
        if failure != self.failure:
            LOG.error("the decision log %s cannot be written: %s", self._file.name, failure)
            self.failure = failure
        if self.on_failure is OnFailure.REFUSE:
            raise DecisionLogError(
                "the decision log cannot be written; the log says why"
            ) from error


def _revisions(policy: Policy, facts: Facts) -> Mapping[str, str]:
    return {"policy": policy.revision, "data": facts.revision, "schema": policy.schema.fingerprint}
