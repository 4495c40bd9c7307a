"""The decision log: what is written of each answer, and what happens when it cannot be."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sidecar.audit.hashing import Hashing
from sidecar.audit.lines import Lines, encode, instant
from sidecar.audit.rests import Rest, joined
from sidecar.audit.writing import LineFile
from sidecar.decide import decisions_of, plain_of
from sidecar.errors import DecisionLogError, Problem
from sidecar.evaluation.recording import facts_read
from sidecar.facts import Snapshot
from sidecar.model import Decision, Request
from sidecar.policy import Policy

LOG = logging.getLogger("sidecar")


class OnFailure(Enum):
    """What happens to an answer that cannot be logged."""

    REFUSE = "refuse"
    """It is not given."""
    COUNT = "count"
    """It is given and counted; `/readyz` and the log tell how many there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What all answers to one HTTP request have in common."""

    policy: Policy
    snapshot: Snapshot
    now: datetime
    request_id: str | None
    """As the caller said it."""

    def members(self) -> dict[str, object]:
        """Return it as the beginning of a line."""
        return {
            "time": instant(self.now),
            "request_id": self.request_id,
            "revisions": {
                "policy": self.policy.revision,
                "data": self.snapshot.revision,
                "schema": self.policy.schema.meaning,
            },
        }


class DecisionLog:
    """Writes a line for each decision, and one for each search and each list of permissions."""

    def __init__(self, file: LineFile, hashing: Hashing, on_failure: OnFailure) -> None:
        self._file = file
        self._lines = Lines(hashing)
        self._named = f"rest of a line, by the key {hashing.key_name()}"
        """A question about what was written of a decision, where answers are remembered."""
        self._on_failure = on_failure
        self._failure = ""
        """Of the last line that this process wrote; empty when it was written."""

    def decided(
        self, request: Request, decision: Decision, decision_id: str, occasion: Occasion
    ) -> None:
        """Write the line of a decision, with the facts that it was made from.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
        """
        head = {"kind": "decision", "decision_id": decision_id, **occasion.members()}
        plain = plain_of(request)
        if plain is None or decision.faults:
            self._write({**head, **self._rest(request, decision, occasion)})
            return
        decisions, asked = decisions_of(occasion.policy, occasion.snapshot), (self._named, plain)
        known: Rest | None = decisions.recall(asked, occasion.now)
        if known is None or known.decision is not decision:
            rest = self._rest(request, decision, occasion)
            known = Rest.of(decision, rest)
            if known is None:
                self._write({**head, **rest})
                return
            decisions.remember_of(asked, request, occasion.now, known)
        self._append(joined(head, known.at(occasion.now)))

    def _rest(self, request: Request, decision: Decision, occasion: Occasion) -> dict[str, object]:
        """Return what a line says of the question and the answer."""
        policy, snapshot = occasion.policy, occasion.snapshot
        facts = facts_read(request, policy, snapshot, occasion.now)
        return {
            **self._lines.asked(request, policy.schema),
            **self._lines.answered(decision, facts, policy.settings),
        }

    def permitted(self, request: Request, actions: Sequence[str], occasion: Occasion) -> None:
        """Write the line of a list of permissions, which an action search is too.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
        """
        asked = self._lines.asked(request, occasion.policy.schema)
        del asked["action"]  # it is what was asked for
        found = {"found": list(actions)}
        self._write({"kind": "permissions", **occasion.members(), **asked, **found})

    def found(
        self, type_name: str, request: Request, ids: Sequence[str], occasion: Occasion
    ) -> None:
        """Write the line of a search for subjects or resources; its request leaves their id empty.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
        """
        schema = occasion.policy.schema
        asked = self._lines.asked(request, schema)
        found = self._lines.found(type_name, ids, schema)
        self._write({"kind": "search", **occasion.members(), **asked, **found})

    def is_quick(self) -> bool:
        """Tell whether a line keeps nobody waiting."""
        return self._file.is_quick()

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the log: what this process cannot write, what all have lost."""
        problems = []
        if self._failure:
            problems.append(f"cannot be written: {self._failure}")
        if lost := self._file.lost():
            problems.append(f"lacks {lost} answers that were given all the same")
        return tuple(Problem(self._file.name, 0, message) for message in problems)

    def _write(self, members: Mapping[str, object]) -> None:
        self._append(encode(members))

    def _append(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            self._fail(error)
        else:
            if self._failure:
                LOG.warning("the decision log is written again; it lacks %d", self._file.lost())
                self._failure = ""

    def _fail(self, error: OSError) -> None:
        failure = error.strerror or type(error).__name__
        if failure != self._failure:
            LOG.error("the decision log %s cannot be written: %s", self._file.name, failure)
            self._failure = failure
        if self._on_failure is OnFailure.REFUSE:
            raise DecisionLogError(
                "the decision log cannot be written; the log says why"
            ) from error
        self._file.count_lost()
