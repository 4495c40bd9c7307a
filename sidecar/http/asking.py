"""One request from its body to its answer: what every view needs, passed to it as one thing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TypeVar
from uuid import uuid4

import msgspec
from flask import Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from sidecar.audit import DecisionLog, Occasion
from sidecar.decide import decide, stale
from sidecar.errors import InvalidRequestError
from sidecar.facts import Snapshot
from sidecar.http.bodies import convert, parse
from sidecar.model import Decision, Obligation, Request
from sidecar.policy import Policy
from sidecar.reloading import Pair

LOG = logging.getLogger("sidecar")

T = TypeVar("T")
Search = Callable[[Request, Policy, Snapshot, datetime], tuple[str, ...]]
Each = Callable[[Request, Policy, Snapshot, datetime, str], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A decision and the id by which the caller and the log speak of it."""

    decision: Decision
    id: str

    def rest(self) -> dict[str, object]:
        """Return all members of the answer but `decision` itself."""
        return {
            "reasons": self.decision.reasons,
            "obligations": self.decision.obligations,
            "revisions": self.decision.revisions,
            "decision_id": self.id,
        }

    def context(self) -> dict[str, object]:
        """Return the same as AuthZEN carries it, obligations by its draft profile."""
        return {**self.rest(), "obligations": [_custom(each) for each in self.decision.obligations]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A pair and a moment, held from the beginning of a request or a batch to its end."""

    pair: Pair
    now: datetime
    age: float
    """For how many seconds nobody has seen that the mount still holds the snapshot."""
    log: DecisionLog | None = None
    request_id: str | None = None
    """The header `X-Request-ID`, for the decision log."""

    def decide(self, asked: Request, max_age: float = inf) -> Answered:
        """Decide one question, and tell the logs of it and of rules that failed.

        A snapshot that is older than `max_age` seconds allows nothing.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
            DecisionLogError: The decision cannot be logged, and none is to go unlogged.
        """
        decision = decide(asked, self.pair.policy, self.pair.snapshot, self.now)
        if self.age > max_age:
            decision = stale(self.pair.policy, self.pair.snapshot)
        answered = Answered(decision=decision, id=uuid4().hex)
        for fault in decision.faults:
            LOG.error("policy error, denied: %s (decision %s)", fault, answered.id)
        if self.log is not None:
            self.log.decided(asked, decision, answered.id, self._occasion())
        return answered

    def search(self, search: Search, asked: Request) -> tuple[str, ...]:
        """Run a search on the pair.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type, or the search has no
                bounds.
        """
        return search(asked, self.pair.policy, self.pair.snapshot, self.now)

    def each(self, search: Each, asked: Request, after: str) -> Iterator[str]:
        """Run a search on the pair from an id on; each result is decided when it is taken.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type, or the search has no
                bounds.
        """
        return search(asked, self.pair.policy, self.pair.snapshot, self.now, after)

    def tell_found(self, type_name: str, asked: Request, found: Sequence[str]) -> None:
        """Tell the decision log which entities of a type an answer names.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
        """
        if self.log is not None:
            self.log.found(type_name, asked, found, self._occasion())

    def tell_permitted(self, asked: Request, actions: Sequence[str]) -> None:
        """Tell the decision log which actions an answer names.

        Raises:
            DecisionLogError: It cannot be written, and no answer is to go unlogged.
        """
        if self.log is not None:
            self.log.permitted(asked, actions, self._occasion())

    def _occasion(self) -> Occasion:
        return Occasion(
            policy=self.pair.policy,
            snapshot=self.pair.snapshot,
            now=self.now,
            request_id=self.request_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where questions come in: the source of pairs, their age, the clock, and the decision log."""

    current: Callable[[], Pair]
    age: Callable[[Snapshot], float]
    now: Callable[[], datetime]
    log: DecisionLog | None = None

    def open(self) -> Asking:
        """Take the pair that is current at this moment, for all of one request.

        Raises:
            SnapshotUnavailableError: There is none.
        """
        pair = self.current()
        return Asking(
            pair=pair,
            now=self.now(),
            age=self.age(pair.snapshot),
            log=self.log,
            request_id=request.headers.get("X-Request-ID"),
        )


def utc_now() -> datetime:
    """Return the moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  the transports are where the clock is asked


def body() -> object:
    """Return the JSON value that the caller sent.

    Raises:
        InvalidRequestError: The content type is not JSON, or the body is not.
        RequestEntityTooLarge: It is longer than it may be.
    """
    if request.mimetype != "application/json":
        raise InvalidRequestError("", "the header `Content-Type` must be `application/json`")
    return parse(_whole_body(), current_app.config["MAX_DEPTH"])


def _whole_body() -> bytes:
    # Of a body that comes in pieces, werkzeug returns the first `max_content_length` bytes as if
    # they were all; so it is told one more than may be, and that one is counted here.
    most = request.max_content_length
    said = request.get_data(cache=False)
    if most is not None and len(said) >= most:
        raise RequestEntityTooLarge
    return said


def question(kind: type[T]) -> T:
    """Return the body as a question of this type.

    Raises:
        InvalidRequestError: It is none.
    """
    return convert(body(), kind)


def answer(members: object, status: int = 200) -> Response:
    """Render an answer; nouns of the core are written by the names of their fields."""
    return Response(msgspec.json.encode(members), status, mimetype="application/json")


def _custom(obligation: Obligation) -> dict[str, object]:
    """Write an obligation by the draft profile, with the members of the native answer beside it."""
    code, message = obligation.code, obligation.message
    profile = {"id": code, "type": "custom", "properties": {"message": message}}
    return {**profile, "code": code, "message": message}
