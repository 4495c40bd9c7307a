"""What the decision log says of one HTTP request: made with the answers, written before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sidecar.decision_log.decision_text import END, Rest, rest_of
from sidecar.decision_log.json_text import encode
from sidecar.decision_log.line import Lines
from sidecar.engine.authorizer import Asked, Known, decisions_of, plain_of
from sidecar.engine.policy import Policy
from sidecar.engine.trace import record_of
from sidecar.facts import Snapshot
from sidecar.model import Decision, PermittedActions, Request


class Occasion(NamedTuple):
    """What all answers to one HTTP request have in common."""

    policy: Policy
    snapshot: Snapshot
    now: datetime
    request_id: str | None
    """As the caller said it."""


class Entries:
    """Lines of all answers to one request, a line for each; nothing here writes to a file.

    An answer that is not given after all, because others would wait too long for it or because the
    rest of its batch is malformed, takes its lines with it.
    """

    __slots__ = (
        "_head",
        "_lines",
        "_moment",
        "_named",
        "_occasion",
        "pieces",
    )

    def __init__(self, lines: Lines, occasion: Occasion) -> None:
        """Begin, with what all lines of the request say."""
        self._lines = lines
        self._named = lines.named
        self._occasion = occasion
        self._moment = lines.moments.written(occasion.now)
        self._head = self._moment.head(occasion.request_id)
        self.pieces: list[bytes] = []
        """One behind the other they are the lines, each with its end."""

    def decided(
        self, request: Request, decision: Decision, identifier: bytes, asked: Asked | None = None
    ) -> None:
        """Add the line of a decision, with the facts that it was made from.

        Args:
            request: What was asked.
            decision: What was decided.
            identifier: The id of the decision.
            asked: The whole question, to keep by it what is written of it.
        """
        policy, snapshot, now, _ = self._occasion
        asked = asked or plain_of(request)
        known = None if asked is None else decisions_of(policy, snapshot).recall(asked, now)
        if known is not None and known.answer is decision:
            if known.line is None or known.line.named is not self._named:
                known.line = Rest.of(self._named, self._members(request, decision))
            if self.decided_again(known, identifier):
                return
        rest = encode(self._members(request, decision))[1:] + END
        self.pieces += (DECISION, identifier, self._head, rest)

    def decided_again(self, known: Known, identifier: bytes) -> bool:
        """Add the line of a decision if it is known what is written of it; else do nothing.

        Args:
            known: What was decided.
            identifier: The id of the decision.
        """
        rest = rest_of(known, self._named)
        if rest is None:
            return False
        written = rest.whole or self._moment.text.join(rest.pieces)
        self.pieces += (DECISION, identifier, self._head, written)
        return True

    def each_decided_again(self, known: Sequence[Known], identifiers: Sequence[bytes]) -> bool:
        """Add the lines of several decisions if all are known; else do nothing."""
        named, text = self._named, self._moment.text
        rests = [
            rest.whole or text.join(rest.pieces)
            for each in known
            if (rest := each.line) is not None and rest.named is named
        ]
        if len(rests) < len(known):
            return False
        lines = [DECISION, b"", self._head, b""] * len(rests)
        lines[1::4] = identifiers
        lines[3::4] = rests
        self.pieces += lines
        return True

    def permitted(self, request: Request, permitted: PermittedActions) -> None:
        """Add the line of a list of permissions, which an action search is too."""
        asked = self._lines.asked_of_all(request, self._occasion.policy.schema)
        members = {
            "revisions": self._revisions(),
            **asked,
            "found": permitted.actions,
            "obligations": {
                name: [obligation.code for obligation in each]
                for name, each in permitted.obligations.items()
            },
        }
        # A list is remembered for one question, so its line can be kept by the list itself.
        rest = permitted.written[self._named] = encode(members)[1:] + END
        self.pieces += (PERMISSIONS, self._head, rest)

    def found(self, type_name: str, request: Request, ids: Sequence[str]) -> None:
        """Add the line of a search for subjects or resources; its request leaves their id empty."""
        schema = self._occasion.policy.schema
        members = {
            "revisions": self._revisions(),
            **self._lines.asked(request, schema),
            **self._lines.found(type_name, ids, schema),
        }
        self.pieces += (_SEARCH, self._head, encode(members)[1:] + END)

    def _members(self, request: Request, decision: Decision) -> Mapping[str, Any]:
        """Return what a line says of the question and the answer."""
        policy, snapshot, now, _ = self._occasion
        facts, rules = record_of(request, policy, snapshot, now)
        return {
            "revisions": self._revisions(),
            **self._lines.asked(request, policy.schema),
            **self._lines.answered(decision, facts, policy.settings, rules),
        }

    def _revisions(self) -> Mapping[str, str]:
        policy, snapshot, _, _ = self._occasion
        return {
            "policy": policy.revision,
            "data": snapshot.revision,
            "schema": policy.schema.meaning,
        }


DECISION = b'{"kind":"decision","decision_id":"'
"""What the line of a decision begins with; its id is next."""
PERMISSIONS = b'{"kind":"permissions'
_SEARCH = b'{"kind":"search'
