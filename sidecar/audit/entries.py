"""What the decision log says of one HTTP request: made with the answers, written before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sidecar.audit.lines import Lines, encode, instant
from sidecar.audit.rests import Rest
from sidecar.decide import Asked, decisions_of, plain_of
from sidecar.evaluation.recording import facts_read
from sidecar.facts import Snapshot
from sidecar.model import Decision, PermittedActions, Request
from sidecar.policy import Policy
from sidecar.policy.questions import text_of


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
        "_decisions",
        "_head",
        "_lines",
        "_named",
        "_now",
        "_now_text",
        "_occasion",
        "pieces",
    )

    def __init__(self, lines: Lines, occasion: Occasion) -> None:
        """Begin, with what all lines of the request say."""
        policy, snapshot = occasion.policy, occasion.snapshot
        self._lines = lines
        self._occasion = occasion
        self._decisions = decisions_of(policy, snapshot)
        self._now = occasion.now
        self._now_text: bytes | None = None
        self._named = lines.named
        self._head = b'"time":"%b","request_id":%b,"revisions":%b,' % (
            instant(occasion.now).encode("ascii"),
            b"null" if occasion.request_id is None else encode(occasion.request_id),
            _revisions(policy.revision, snapshot.revision, policy.schema.meaning),
        )
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
        asked = asked or plain_of(request)
        if asked is None or decision.faults:
            return self._add_decision(identifier, encode(self._members(request, decision))[1:])
        if self.decided_again(asked, decision, identifier):
            return None
        members = self._members(request, decision)
        rest = Rest.of(decision, members)
        if rest is None:
            return self._add_decision(identifier, encode(members)[1:])
        self._decisions.remember_of((self._named, asked), request, self._now, rest)
        return self._add_decision(identifier, rest.at(self._moment))

    def decided_again(self, asked: Asked, decision: Decision, identifier: bytes) -> bool:
        """Add the line of a decision if it is known what is written of it; else do nothing.

        Args:
            asked: The whole question.
            decision: What was decided.
            identifier: The id of the decision.
        """
        rest: Rest | None = self._decisions.recall((self._named, asked), self._now)
        if rest is None or rest.decision is not decision:
            return False
        self._add_decision(identifier, rest.at(self._moment))
        return True

    def permitted(self, request: Request, permitted: PermittedActions) -> None:
        """Add the line of a list of permissions, which an action search is too."""
        asked = self._lines.asked(request, self._occasion.policy.schema)
        del asked["action"]  # it is what was asked for
        permitted.written[self._named] = encode({**asked, "found": permitted.actions})[1:]
        self.permitted_again(permitted)

    def permitted_again(self, permitted: PermittedActions) -> bool:
        """Add the line of a list if it is known what is written of it; else do nothing.

        A list is remembered for one question, so it is known by the list itself.
        """
        rest = permitted.written.get(self._named)
        if rest is None:
            return False
        self.pieces += (_PERMISSIONS, self._head, rest, _END)
        return True

    def found(self, type_name: str, request: Request, ids: Sequence[str]) -> None:
        """Add the line of a search for subjects or resources; its request leaves their id empty."""
        schema = self._occasion.policy.schema
        members = {
            **self._lines.asked(request, schema),
            **self._lines.found(type_name, ids, schema),
        }
        self.pieces += (_SEARCH, self._head, encode(members)[1:], _END)

    def _add_decision(self, identifier: bytes, rest: bytes) -> None:
        self.pieces += (_DECISION, identifier, _NEXT, self._head, rest, _END)

    def _members(self, request: Request, decision: Decision) -> Mapping[str, Any]:
        """Return what a line says of the question and the answer."""
        policy, snapshot = self._occasion.policy, self._occasion.snapshot
        facts = facts_read(request, policy, snapshot, self._now)
        return {
            **self._lines.asked(request, policy.schema),
            **self._lines.answered(decision, facts, policy.settings),
        }

    def _moment(self) -> bytes:
        if self._now_text is None:
            self._now_text = text_of(self._now).encode("ascii")
        return self._now_text


_DECISION = b'{"kind":"decision","decision_id":"'
_NEXT = b'",'
_PERMISSIONS = b'{"kind":"permissions",'
_SEARCH = b'{"kind":"search",'
_END = b"\n"


@lru_cache(maxsize=100)
def _revisions(policy: str, data: str, schema: str) -> bytes:
    return encode({"policy": policy, "data": data, "schema": schema})
