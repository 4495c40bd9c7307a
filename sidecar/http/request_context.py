"""One HTTP request with the pair and the moment that all of it is answered from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import inf
from time import monotonic, sleep
from typing import TypeVar

from sidecar.decision_log import Entry, Line
from sidecar.engine.authorizer import authorize, deny_stale, needs_interpreter
from sidecar.engine.request_kind import DataFault
from sidecar.errors import InvalidRequestError, SnapshotUnavailableError
from sidecar.http.answer_cache import Answer, AnswerCache
from sidecar.http.environment import Environment
from sidecar.http.errors import LOG
from sidecar.http.freshness import NO_DEMAND, REVISION_SECONDS, STALE, Demand, demand_of
from sidecar.http.json_body import convert, parse
from sidecar.http.message import RequestHead, Response
from sidecar.metrics.decisions import COMPILED, INTERPRETER
from sidecar.model import Decision, Request

MAX_BYTES_AT_ONCE = 32 * 1024
"""Of a body that is answered while other connections wait: longer ones take a millisecond."""

MAX_ITEMS_AT_ONCE = 250
"""Decisions that are made while other connections wait, likewise."""

T = TypeVar("T")

Write = Callable[[Decision], tuple[bytes, bytes]]
"""Returns the body of a response in bytes: what stands before the decision id, and behind it."""


class TakesLongError(Exception):
    """The response would keep other connections waiting; a thread has to make it."""


class RequestContext:
    """One HTTP request on one pair at one moment."""

    __slots__ = (
        "_age",
        "_at_once",
        "_demand",
        "_is_fixed",
        "_stamp",
        "body",
        "cache",
        "endpoint",
        "environment",
        "head",
        "log_lines",
        "now",
        "policy",
        "snapshot",
    )

    def __init__(  # noqa: PLR0913, PLR0917  all that it consists of
        self,
        environment: Environment,
        cache: AnswerCache,
        endpoint: str,
        head: RequestHead,
        body: bytes,
        now: datetime,
        *,
        at_once: bool,
    ) -> None:
        """Gather what the request is answered from.

        Args:
            environment: The bounds of the operator.
            cache: Answers from the pair that is current.
            endpoint: The path.
            head: Its header fields.
            body: All of its bytes.
            now: The moment at which it is answered.
            at_once: Whether other connections wait for the response.

        Raises:
            InvalidRequestError: A header that demands new facts is malformed.
        """
        self.environment = environment
        self.cache = cache
        self.policy, self.snapshot = cache.pair.policy, cache.pair.snapshot
        self.endpoint = endpoint
        self.head = head
        self.body = body
        self.now = now
        self.log_lines: list[Line] = []
        self._at_once = at_once
        self._is_fixed = False
        """Whether something was answered, or waited for in vain: then the facts stay the same."""
        self._demand = demand_of(head.headers) if head.demands_freshness() else NO_DEMAND
        self._age: float | None = None
        self._stamp = (
            None
            if environment.log is None
            else environment.log.stamp(now, head.request_id, head.trace_id)
        )

    # --- the body -------------------------------------------------------------------------------

    def require_json(self) -> None:
        """Make sure that the body is declared to be JSON.

        Raises:
            InvalidRequestError: It is not.
        """
        if not self.head.declares_json():
            raise InvalidRequestError("", "the header `Content-Type` must be `application/json`")

    def document(self) -> object:
        """Return the JSON value of the body.

        Raises:
            InvalidRequestError: The content type is not JSON, or the body is not.
        """
        self.require_json()
        return parse(self.body, self.environment.limits.max_depth)

    def read(self, kind: type[T]) -> T:
        """Return the body as a request of a type.

        Raises:
            InvalidRequestError: It is none.
        """
        return convert(self.document(), kind)

    # --- time -----------------------------------------------------------------------------------

    def allow_slow(self, *, slow: bool) -> None:
        """Leave slow work to a thread.

        Raises:
            TakesLongError: The work is slow, and other connections wait.
        """
        if slow and self._at_once:
            raise TakesLongError

    def is_stale(self, demand: Demand = NO_DEMAND) -> bool:
        """Tell whether the facts are older than the operator or the caller lets them be.

        Args:
            demand: What the body demands.
        """
        if (
            demand is NO_DEMAND
            and self._demand is NO_DEMAND
            and self.environment.max_staleness is inf
        ):
            return False  # as for most requests
        max_age = min(self.environment.max_staleness, self._demand.max_age, demand.max_age)
        revisions = [each for each in (self._demand.min_revision, demand.min_revision) if each]
        if not self._wait_for(revisions):
            return True
        if self._age is None:  # measured once, so that all of a batch has the same answer
            self._age = self.environment.age(self.snapshot)
        return self._age > max_age

    def _wait_for(self, revisions: Sequence[str]) -> bool:
        """Wait until the facts are as new as the caller wants them; return whether they are.

        All of the request is answered from the facts that were waited for.

        Raises:
            TakesLongError: They are not, and other connections wait.
        """
        if self._follows(revisions):
            return True
        deadline = monotonic() + self.environment.min_revision_seconds
        if self.environment.request_look is not None and not self._is_fixed:
            self.environment.request_look()
        while not self._is_fixed and monotonic() < deadline:
            self.allow_slow(slow=True)
            sleep(REVISION_SECONDS)
            pair = self.environment.current()
            if pair is not self.cache.pair:
                self.cache = AnswerCache(pair)
                self.policy, self.snapshot, self._age = pair.policy, pair.snapshot, None
            if self._follows(revisions):
                return True
        self.fix()
        return False

    def fix(self) -> None:
        """Answer all of the request from the present facts."""
        self._is_fixed = True

    def _follows(self, revisions: Sequence[str]) -> bool:
        return all(self.environment.follows(self.snapshot, each) for each in revisions)

    @property
    def uses_cache(self) -> bool:
        """Whether answers that were made before are good enough."""
        return not self.head.demands_freshness() and not self.is_stale()

    def require_fresh(self, demand: Demand = NO_DEMAND) -> None:
        """Make sure that something may be listed.

        Raises:
            SnapshotUnavailableError: The facts are too old; an empty list would be a lie.
        """
        if self.is_stale(demand):
            raise SnapshotUnavailableError(STALE)

    # --- answers --------------------------------------------------------------------------------

    def decide(
        self, request: Request, write: Write, identifier: bytes, demand: Demand = NO_DEMAND
    ) -> Answer:
        """Decide a request, and report the rules that failed to the operator.

        Args:
            request: A subject, an action and a resource.
            write: Writes the body of the response.
            identifier: The id of the decision.
            demand: Facts that are older than the body demands allow nothing.

        Raises:
            InvalidRequestError: A declared property has the wrong JSON type.
            TakesLongError: A rule needs the interpreter, and other connections wait.
        """
        decision = self.decision(request, identifier, demand)
        entry = self.entry(request, decision)
        prefix, suffix = write(decision)
        lasts = demand is NO_DEMAND and (entry is None or entry.is_lasting)
        valid = decision.valid if lasts else None
        cell = self.cell(request, decision)
        return Answer(prefix, suffix, decision.allowed, entry, cell=cell, valid=valid)

    def decision(self, request: Request, identifier: bytes, demand: Demand = NO_DEMAND) -> Decision:
        """Return the decision on a request, as `decide` does, without an answer."""
        is_stale = self.is_stale(demand)
        self.fix()
        if is_stale:
            decision = deny_stale(request, self.policy, self.snapshot, self.now)
        else:
            self.allow_slow(slow=needs_interpreter(request, self.policy))
            decision = authorize(request, self.policy, self.snapshot, self.now)
        for fault in decision.faults:
            what = "data" if isinstance(fault, DataFault) else "policy"
            LOG.error("%s error, denied: %s (decision %s)", what, fault, identifier.decode())
        return decision

    def entry(
        self, request: Request, decision: Decision, gateway: Mapping[str, object] | None = None
    ) -> Entry | None:
        """Return the entry of a decision for the log; None where there is no log.

        Args:
            request: What was decided.
            decision: The decision.
            gateway: By which route a gateway asked; None where none did.
        """
        log = self.environment.log
        if log is None:
            return None
        return log.decision(request, decision, self.policy, self.snapshot, self.now, gateway)

    def cell(self, request: Request, decision: Decision) -> int:
        """Return the cell of the metrics that counts a decision (`DecisionClasses.cell`)."""
        source = INTERPRETER if needs_interpreter(request, self.policy) else COMPILED
        counters = self.environment.counters
        return counters.decision_cell(request, decision, self.policy.schema, source)

    def log(self, entry: Entry | None, identifier: bytes = b"") -> None:
        """Have the line of an answer written before the response is sent."""
        if self._stamp is not None and entry is not None:
            self.log_lines.append((entry, identifier, self._stamp))

    def respond(self, answer: Answer, identifier: bytes = b"") -> Response:
        """Return the response with the only answer, and keep that by the body."""
        self.log(answer.entry, identifier)
        self.cache.put((self.endpoint, self.body), answer)
        return answer.response(identifier, self.head, self.log_lines, answer.cell - 1)
