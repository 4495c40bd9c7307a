"""The way of one process from a request to a response: at once, or by a thread.

The event loop answers what keeps nobody waiting: health, requests without a valid token, and the
decisions of `sidecar.http.RESPONDERS`. All else goes to threads: one pool for authenticated
requests, and one for `/readyz` and discovery, which anybody may ask, so that neither fills the
other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from time import monotonic

from sidecar.http import Access, Response, endpoint_at
from sidecar.http import Service as HttpService
from sidecar.http.authentication import is_open
from sidecar.http.errors import Rejection
from sidecar.http.routes_health import ALIVE
from sidecar.metrics import Counters
from sidecar.metrics.catalog import JOBS
from sidecar.server.access_log import AccessLog
from sidecar.server.connections import Connections
from sidecar.server.decision_log_writer import DecisionLogWriter, Unlogged
from sidecar.server.limits import Limits
from sidecar.server.phase import Phase
from sidecar.server.protocol import CLOSING_SECONDS, HttpProtocol
from sidecar.server.request import Request
from sidecar.server.request_counts import count_expired
from sidecar.server.response import ResponseWriter
from sidecar.server.thread_pool import Job, ThreadPool
from sidecar.server.wsgi import Application, call

LOG = logging.getLogger("sidecar")

MOMENT_SECONDS = 0.001
"""How long one reading of the clock is used: the decision log writes equal times faster."""

ROUND_SECONDS = 0.005
"""How long connections take their turns before new connections and requests are looked at. It takes
five such rounds until a new connection is accepted, set up, read and answered."""

SENT_TOGETHER = 16
"""Connections whose responses are sent one after the other; the first waits for the last."""

MAX_OPEN_JOBS = 64
"""Requests that need no token and wait for their thread, which answers some thousands a second."""

_UNAUTHORIZED = HTTPStatus.UNAUTHORIZED.value


class Service:
    """Answers the requests of all connections of one process."""

    def __init__(  # noqa: PLR0913  the parts that it joins
        self,
        *,
        application: Application,
        http: HttpService | None,
        access: Access,
        limits: Limits,
        threads: int,
        access_log: AccessLog | None,
        counters: Counters | None = None,
    ) -> None:
        """Prepare to answer; `start` comes first.

        Args:
            application: Answers any request, perhaps slowly.
            http: Answers the requests of `RESPONDERS`; None where there are no such.
            access: Who may ask.
            limits: Of this worker.
            threads: For slow requests.
            access_log: Where every response is logged; None where it is not.
            counters: Count what happens; without them nobody sees the counts.
        """
        self.limits = limits
        self.writer = ResponseWriter()
        self.counters = counters or Counters()
        self.connections = Connections(limits.max_connections, self.counters)
        self.is_stopping = False
        self.idle_seconds = limits.idle_seconds
        """How long a client may take to begin the next request."""
        self.turns: deque[HttpProtocol] = deque()
        """Connections that wait for their next turn, in its order."""
        self._takes_turns = False
        """Whether the event loop will call `_take_turns`."""
        self._unsent: list[HttpProtocol] = []
        """Connections with responses that are sent at the end of this iteration."""
        self._took_long = False
        """Whether a long request was answered in this iteration of the event loop."""
        self.on_closed: Callable[[], None] = lambda: None
        """Called when a connection is closed."""
        self._application = application
        self._http = http
        self._access = access
        self.access_log = access_log
        self._slow = ThreadPool("slow", threads, limits.max_waiting, self._deliver_later)
        self._open = ThreadPool("open", 1, MAX_OPEN_JOBS, self._deliver_later)
        self._pools = (self._slow, self._open)
        self._jobs: dict[Job, tuple[ThreadPool, HttpProtocol]] = {}
        self._moment = datetime.min.replace(tzinfo=UTC)
        self._moment_ends = 0.0
        self._warned_at = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads, before any connection is accepted.

        Raises:
            RuntimeError: The system gives us no thread for the decision log.
        """
        self._loop = loop
        if self._http is not None:
            self._log = DecisionLogWriter(self._http, loop, self._deliver_logged)
            self._log.start()
        if self.access_log is not None:
            self.access_log.start()
        for pool in self._pools:
            pool.start()

    # --- requests -------------------------------------------------------------------------------

    def answer(self, connection: HttpProtocol, request: Request, clock: float) -> None:
        """Send the response to a request, now or later.

        Args:
            connection: It sent the request.
            request: All of it has arrived.
            clock: What the clock `monotonic` shows.
        """
        try:
            response = self._answer_at_once(connection, request, clock)
        except Exception:
            # What happens to one request must not happen to all connections.
            LOG.exception("a request failed")
            connection.send_last(Rejection.FAILED)
            return
        if response is None:
            self._answer_later(connection, request)
        elif response.log_lines:
            connection.wait()
            self._log.add(connection, request, response)
        else:
            connection.send(response)

    def _answer_at_once(
        self, connection: HttpProtocol, request: Request, clock: float
    ) -> Response | None:
        """Return the response, or None where a thread has to find it."""
        path, http = request.path, self._http
        endpoint = endpoint_at(request.method, path)
        if http is not None and endpoint is not None:
            if clock > self._moment_ends:
                self._moment, self._moment_ends = http.now(), clock + MOMENT_SECONDS
            response = http.answer_now(endpoint, request, request.body, self._moment)
            if response is None or response.status != _UNAUTHORIZED:
                connection.is_admitted = True
            return response
        if path == "/healthz" and request.method in {"GET", "HEAD"}:
            return ALIVE
        if not is_open(path):
            unauthorized = self._access.refusal(request.authorization())
            if unauthorized is not None:
                return unauthorized
            connection.is_admitted = True
        elif not self._access.asks:
            connection.is_admitted = True
        if path.startswith("//"):  # Flask would take it for the path without the first slash
            return Rejection.NOT_FOUND.response()
        return None

    def _answer_later(self, connection: HttpProtocol, request: Request) -> None:
        pool = self._open if is_open(request.path) else self._slow
        job = Job(partial(self._respond, connection.client, request))
        if not pool.submit(job):
            self._warn_that_it_is_busy()
            return connection.send(Rejection.BUSY.response())
        self._show_jobs(pool)
        self._jobs[job] = (pool, connection)
        connection.job = job
        return connection.wait()

    def _respond(self, client: str, request: Request) -> Response:
        """Return a response in a thread, however long it takes; its lines are logged by then."""
        http, endpoint = self._http, endpoint_at(request.method, request.path)
        if http is not None and endpoint is not None:
            return http.answer(endpoint, request, request.body)
        return call(self._application, request, client)

    def may_take_long(self) -> bool:
        """Tell whether a connection may answer a long request now, and not in its next turn.

        In one iteration of the event loop one may, where nobody waits for a turn: if all did, a new
        connection would wait for all the others in each of the iterations that it takes to read it.
        """
        if self._took_long or self.turns:
            return False
        self._took_long = True
        self._loop.call_soon(self._begin_iteration)
        return True

    def flush_soon(self, connection: HttpProtocol) -> None:
        """Have responses sent once what has arrived at other connections is answered, too.

        A client that is on this machine begins to read with the first of them. Sent one by one they
        cost a sixth more, since each finds it asleep.
        """
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(connection)
        if len(self._unsent) >= SENT_TOGETHER:
            self._flush()

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        for connection in unsent:
            connection.flush()

    def _begin_iteration(self) -> None:
        self._took_long = False

    def schedule_turn(self, connection: HttpProtocol) -> None:
        """Let a connection go on once others have had their turn."""
        self.turns.append(connection)
        if not self._takes_turns:
            self._takes_turns = True
            self._loop.call_soon(self._take_turns)

    def _take_turns(self) -> None:
        """Let connections take their turns, but not for so long that new ones wait."""
        ends = monotonic() + ROUND_SECONDS
        for _ in range(len(self.turns)):
            self.turns.popleft().take_scheduled_turn()
            if monotonic() > ends:
                break
        self._takes_turns = bool(self.turns)
        if self._takes_turns:
            self._loop.call_soon(self._take_turns)

    def _warn_that_it_is_busy(self) -> None:
        now = monotonic()
        if now > self._warned_at + 1.0:
            self._warned_at = now
            LOG.warning("refusing: %d requests wait already", self._slow.jobs)

    def _show_jobs(self, pool: ThreadPool) -> None:
        self.counters.set(JOBS, pool.name, number=pool.jobs)

    # --- responses ------------------------------------------------------------------------------

    def _deliver_later(self, job: Job, response: Response | None) -> None:
        """Hand the response that a thread has found to the event loop."""
        try:
            self._loop.call_soon_threadsafe(self._deliver, job, response)
        except RuntimeError:  # it has ended
            return

    def _deliver(self, job: Job, response: Response | None) -> None:
        pool, connection = self._jobs.pop(job)
        pool.finished()
        self._show_jobs(pool)
        if connection.job is not job:
            return  # the client has left, or has been told that it takes too long
        if response is None:
            connection.send_last(Rejection.FAILED)
        else:
            connection.send(response)

    def _deliver_logged(self, unlogged: Unlogged, instead: Response | None, failed: bool) -> None:  # noqa: FBT001  its only caller has it
        for connection, request, response in unlogged:
            if connection.request is not request:
                continue  # as above
            if failed:
                connection.send_last(Rejection.FAILED)
            elif instead is not None:
                connection.send(instead)
            else:
                connection.send(response)

    # --- connections ----------------------------------------------------------------------------

    def forget(self, connection: HttpProtocol) -> None:
        """Count a connection as closed, and cancel its request."""
        self.connections.discard(connection)
        self._cancel(connection)
        self.on_closed()

    def _cancel(self, connection: HttpProtocol) -> None:
        job, connection.job = connection.job, None
        if job is not None and (pool := self._jobs[job][0]).cancel(job):
            del self._jobs[job]
            self._show_jobs(pool)

    def sweep(self, now: float) -> None:
        """Close connections whose deadline has passed, or answer that it has."""
        for connection in self.connections.expired(now):
            if connection.phase is Phase.ANSWERING and connection.request is not None:
                self._cancel(connection)
                connection.send(Rejection.LATE.response())
            elif connection.phase is Phase.RECEIVING and connection.has_begun_request():
                connection.send_last(Rejection.INCOMPLETE)
            else:
                count_expired(self.counters, connection.phase)
                connection.abort()
        for pool in self._pools:
            if not pool.is_complete():
                pool.start()

    def stop(self) -> None:
        """Close connections without a request soon, and the others after their response."""
        self.is_stopping = True
        self.idle_seconds = CLOSING_SECONDS
        deadline = monotonic() + CLOSING_SECONDS
        for connection in self.connections:
            connection.close_when_idle(deadline)
