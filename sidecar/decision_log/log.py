"""The decision log: what is written before answers go out, and what happens when it cannot be."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from enum import Enum

from sidecar.decision_log.decision_text import Rest
from sidecar.decision_log.entry import DECISION, PERMISSIONS, Entries, Occasion
from sidecar.decision_log.file import LineFile, UnwrittenError
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.line import Lines
from sidecar.engine.authorizer import Known
from sidecar.errors import DecisionLogError, Problem
from sidecar.model import PermittedActions
from sidecar.watch import Loop

LOG = logging.getLogger("sidecar")


class OnFailure(Enum):
    """What happens to an answer that cannot be logged."""

    REFUSE = "refuse"
    """It is not given."""
    COUNT = "count"
    """It is given and counted; `/readyz` and the log tell how many there were."""


class DecisionLog:
    """A line for each decision, and one for each search and each list of permissions."""

    def __init__(self, file: LineFile, hashing: Hashing, on_failure: OnFailure) -> None:
        self._file = file
        self._lines = Lines(hashing)
        self._named, self._moments = self._lines.named, self._lines.moments
        self._loop = Loop("decision log", file.close_if_moved)
        self._on_failure = on_failure
        self._failure = ""
        """Of the last lines that this process wrote; empty when they were written."""

    def entries(self, occasion: Occasion) -> Entries:
        """Return what is to hold the lines of one request."""
        return Entries(self._lines, occasion)

    def decided_again(
        self, known: Known, identifier: bytes, now: datetime, request_id: str | None
    ) -> Sequence[bytes] | None:
        """Return the line of a decision that was made before, in pieces.

        None where it is not known what is written of it.

        Args:
            known: What was decided.
            identifier: The id of the decision.
            now: The moment, in UTC.
            request_id: As the caller said it.
        """
        # As `rest_of` and `Moments.written`, whose calls are 3 % of what a logged request costs.
        rest: Rest | None = known.line
        if rest is None or rest.named is not self._named:
            return None
        moment = self._moments.last
        if moment.now is not now:
            moment = self._moments.written(now)
        written = rest.whole or moment.text.join(rest.pieces)
        head = moment.unnamed if request_id is None else moment.head(request_id)
        return (DECISION, identifier, head, written)

    def permitted_again(
        self, permitted: PermittedActions, now: datetime, request_id: str | None
    ) -> Sequence[bytes] | None:
        """Return the line of a list of permissions in the same way."""
        rest = permitted.written.get(self._lines.named)
        if not rest:
            return None
        return (PERMISSIONS, self._moments.written(now).head(request_id), rest)

    def start(self, seconds: float) -> None:
        """Close the file so often, in a thread, where it is no longer the one at its path.

        A process that has nothing to log would keep a deleted file, and its space, for ever.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        self._loop.start(seconds)

    def write(self, pieces: Sequence[bytes], *, wait: bool = True) -> None:
        """Write lines, of one request or of several, before any of their answers goes out.

        Args:
            pieces: As `Entries` has them.
            wait: Whether the caller may be kept waiting.

        Raises:
            DecisionLogError: They cannot be written, and no answer is to go unlogged.
            LogBusyError: Writing would wait, and the caller may not.
        """
        try:
            self._file.write(b"".join(pieces), wait=wait)
        except UnwrittenError as error:
            self._fail(error)
        else:
            if self._failure:
                LOG.warning("the decision log is written again; it lacks %d", self._file.lost())
                self._failure = ""

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the log: what this process cannot write, what all have lost."""
        problems = []
        if self._failure:
            problems.append(f"cannot be written: {self._failure}")
        if lost := self._file.lost():
            problems.append(f"lacks {lost} answers that were given all the same")
        return tuple(Problem(self._file.name, 0, message) for message in problems)

    def _fail(self, error: UnwrittenError) -> None:
        failure = error.strerror or type(error).__name__
        if failure != self._failure:
            LOG.error("the decision log %s cannot be written: %s", self._file.name, failure)
            self._failure = failure
        if self._on_failure is OnFailure.REFUSE:
            raise DecisionLogError(
                "the decision log cannot be written; the log says why"
            ) from error
        self._file.count_lost(error.lines)
