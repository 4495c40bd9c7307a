"""One request on its pair and its moment, passed to whatever answers it as one thing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import UnsetType

from sidecar.decision_log import Entries
from sidecar.engine import Frame, RequestKind, kind_of
from sidecar.engine.authorizer import Asked, Plain, authorize, stale
from sidecar.engine.policy import Policy
from sidecar.engine.search import Candidate, list_permissions
from sidecar.errors import SnapshotUnavailableError
from sidecar.facts import Snapshot
from sidecar.http.decision_ids import new_id
from sidecar.http.freshness import NO_DEMAND, STALE, Demand
from sidecar.http.message import NO_LINES
from sidecar.model import NOTHING, Decision, Obligation, PermittedActions, Reference, Request
from sidecar.reload import Pair

LOG = logging.getLogger("sidecar")

Each = Callable[[Request, Policy, Snapshot, datetime, str], Iterator[Candidate]]


class TakesLongError(Exception):
    """The answer would keep others waiting; it is to be asked for again where it does not."""


class Noun(Protocol):
    """A subject or a resource, however it was read."""

    @property
    def type(self) -> str:
        """Return the name of its type."""

    @property
    def id(self) -> str:
        """Return its id, which is not empty."""

    @property
    def properties(self) -> dict[str, Any] | UnsetType:
        """Return what the caller says of it."""


class Deed(Protocol):
    """An action, however it was read."""

    @property
    def name(self) -> str:
        """Return its name."""

    @property
    def properties(self) -> dict[str, Any] | UnsetType:
        """Return what the caller says of it."""


class Question(Protocol):
    """One question, however it was read."""

    @property
    def subject(self) -> Noun:
        """Return who would do it."""

    @property
    def action(self) -> Deed:
        """Return what would be done."""

    @property
    def resource(self) -> Noun:
        """Return to what it would be done."""

    @property
    def context(self) -> dict[str, Any] | UnsetType:
        """Return what else the caller says."""


STANDARD = "standard"
"""The form of a decision up to its id; what follows is `END_OF_STANDARD`."""

END_OF_STANDARD = b'"}}'

_ALLOWED, _DENIED = b'{"decision":true}', b'{"decision":false}'


class Answered(NamedTuple):
    """A decision and the id by which the caller and the log speak of it."""

    decision: Decision
    id: bytes

    def standard(self, *, with_context: bool) -> bytes:
        """Write it as AuthZEN has it: obligations by its draft profile, all in `context`.

        Without `context` a decision is its bare yes or no, unless there are obligations: who
        reads no `context` would take the allow and never see to them.
        """
        if not with_context and not self.decision.obligations:
            return _ALLOWED if self.decision.allowed else _DENIED
        return self.lead() + self.id + END_OF_STANDARD

    def lead(self) -> bytes:
        """Write it so up to its id."""
        decision = self.decision
        lead = decision.written.get(STANDARD)
        if lead is None:
            context = {
                "reasons": decision.reasons,
                "obligations": [custom(each) for each in decision.obligations],
                "revisions": decision.revisions,
                "decision_id": "",
            }
            whole = msgspec.json.encode({"decision": decision.allowed, "context": context})
            lead = decision.written[STANDARD] = whole.removesuffix(END_OF_STANDARD)
        return lead


Shared = tuple[str, str, str, str]
"""A subject and a resource about which nothing is said, by type and id."""


class Asking(NamedTuple):
    """A pair and a moment, held from the beginning of a request or a batch to its end."""

    pair: Pair
    now: datetime
    age: float
    """For how many seconds nobody has seen that the mount still holds the snapshot; infinite where
    nobody wants to know."""
    entries: Entries | None = None
    """What the decision log will say; None where there is none."""
    brief: bool = False
    """Whether others wait for this answer, so that Oso cannot be asked."""
    demand: Demand = NO_DEMAND
    """How new the facts have to be, whatever the question says."""
    follows: Callable[[Snapshot, str], bool] = lambda *_: False
    """Tells whether a snapshot is of a revision, or newer."""
    frames: dict[Shared, Frame] | None = None
    """Subjects and resources that were found already; only within a batch."""

    def is_stale(self, demand: Demand = NO_DEMAND) -> bool:
        """Tell whether the facts are older than the operator or the caller lets them be.

        Args:
            demand: What the question itself says.
        """
        if self.demand is NO_DEMAND and demand is NO_DEMAND:
            return False  # most requests
        if self.age > min(self.demand.max_age, demand.max_age):
            return True
        revisions = filter(None, (self.demand.min_revision, demand.min_revision))
        return not all(self.follows(self.pair.snapshot, each) for each in revisions)

    def require_fresh(self, demand: Demand = NO_DEMAND) -> None:
        """Make sure that something may be listed.

        Args:
            demand: What the question itself says.

        Raises:
            SnapshotUnavailableError: The facts are too old; an empty list would be a lie.
        """
        if self.is_stale(demand):
            raise SnapshotUnavailableError(STALE)

    def decide(
        self, question: Question, demand: Demand = NO_DEMAND, asked: Asked | None = None
    ) -> Answered:
        """Decide one question, have its line made, and tell of rules that failed.

        Args:
            question: What is asked.
            demand: Facts that are older than it says allow nothing.
            asked: The question in the bytes of the caller, to remember the answer by them.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
            TakesLongError: There is no time to ask Oso.
        """
        if self.is_stale(demand):
            # Before anything is remembered, or kept; a malformed question is refused all the same.
            decision, asked = self._decide_stale(question), None
        else:
            decision = self._decide(question, asked)
        identifier = new_id()
        if decision.faults:
            for fault in decision.faults:
                LOG.error("policy error, denied: %s (decision %s)", fault, identifier.decode())
        if self.entries is not None:
            self.entries.decided(request_of(question), decision, identifier, asked)
        return Answered(decision, identifier)

    def _decide_stale(self, question: Question) -> Decision:
        policy, snapshot = self.pair.policy, self.pair.snapshot
        kind = kind_of(question.subject.type, question.resource.type, policy)
        if kind is None:
            authorize(request_of(question), policy, snapshot, self.now)
        else:
            self._frame(kind, question)
        return stale(policy, snapshot)

    def _decide(self, question: Question, asked: Asked | None) -> Decision:
        policy, snapshot = self.pair.policy, self.pair.snapshot
        decisions = self.pair.decisions
        asked = asked or _plain(question)
        if asked is not None:
            known = decisions.recall(asked, self.now)
            if known is not None:
                remembered: Decision = known.answer
                return remembered
        subject, name, resource = question.subject, question.action.name, question.resource
        kind = kind_of(subject.type, resource.type, policy)
        if kind is None:
            return authorize(request_of(question), policy, snapshot, self.now)
        if self.brief and kind.entry(name).asks_oso:
            raise TakesLongError
        return decisions.decide(kind, name, self._frame(kind, question), asked)

    def _frame(self, kind: RequestKind, question: Question) -> Frame:
        subject, action, resource = question.subject, question.action, question.resource
        shared: Shared | None = None
        if self.frames is not None and action.name not in kind.particular and _plain(question):
            shared = (subject.type, subject.id, resource.type, resource.id)
            if shared in self.frames:
                return self.frames[shared]
        said = (
            subject.properties or NOTHING,
            resource.properties or NOTHING,
            action.properties or NOTHING,
            question.context or NOTHING,
        )
        ids = (subject.id, resource.id)
        frame = kind.framed(ids, action.name, said, self.pair.snapshot, self.now)
        if self.frames is not None and shared is not None:
            self.frames[shared] = frame
        return frame

    def sharing(self) -> Asking:
        """Return it for a batch, whose items share subjects and resources that were found."""
        return self._replace(frames={})

    def permitted(self, asked: Request, body: bytes | None = None) -> PermittedActions:
        """List permissions on the pair, and remember them by the `body`, as `authorize` does.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
        """
        return list_permissions(asked, self.pair.policy, self.pair.snapshot, self.now, body)

    def each(self, search: Each, asked: Request, after: str) -> Iterator[Candidate]:
        """Run a search on the pair from an id on; each candidate is decided when it is taken.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type, or nobody mounts the
                type that is sought.
        """
        return search(asked, self.pair.policy, self.pair.snapshot, self.now, after)

    def tell_permitted(self, asked: Request, permitted: PermittedActions) -> None:
        """Have the line of a list of permissions made."""
        if self.entries is not None:
            self.entries.permitted(asked, permitted)

    def lines(self) -> Sequence[bytes]:
        """Return what is to be in the decision log before the answer goes out, in pieces."""
        return NO_LINES if self.entries is None else self.entries.pieces


def _plain(question: Question) -> Plain | None:
    """Return a question beside which nothing is said; None for any other."""
    subject, action, resource = question.subject, question.action, question.resource
    if question.context or subject.properties or resource.properties or action.properties:
        return None
    return (subject.type, subject.id, action.name, resource.type, resource.id)


def request_of(question: Question) -> Request:
    """Return a question as the core takes it where it does more than to decide it."""
    subject, action, resource = question.subject, question.action, question.resource
    return Request(
        subject=Reference(subject.type, subject.id),
        action=action.name,
        resource=Reference(resource.type, resource.id),
        subject_properties=subject.properties or NOTHING,
        action_properties=action.properties or NOTHING,
        resource_properties=resource.properties or NOTHING,
        context=question.context or NOTHING,
    )


def custom(obligation: Obligation) -> dict[str, object]:
    """Write an obligation by the draft profile, with the members of the native answer beside it."""
    code, message = obligation.code, obligation.message
    profile = {"id": code, "type": "custom", "properties": {"message": message}}
    return {**profile, "code": code, "message": message}
