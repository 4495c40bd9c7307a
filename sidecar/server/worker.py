"""The worker: one thread for all connections, beside those that answer whole requests."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol, cast

from gunicorn.workers import base  # type: ignore[import-untyped]  # it has no types

from sidecar.http import Hot
from sidecar.http.message import Told
from sidecar.http.overload import Rejection
from sidecar.server.bounds import Bounds
from sidecar.server.connections import EXPENDABLE, READ, WRITE, Connection, Stage
from sidecar.server.exchanges import Exchange, refusal
from sidecar.server.framing import Outcome
from sidecar.server.front import Front, Head
from sidecar.server.lanes import Lanes

PARTING_SECONDS = 2.0
"""How long a caller that we have no more to say to may take to close."""

SWEEP_SECONDS = 0.25
"""How often deadlines are looked at."""

TURN_SECONDS = 0.05
"""How long those who wait are served before we look at who else does."""

CONNECTIONS_AT_ONCE = 64
"""How many callers that connect are let in before others get their turn, if we lag behind.

Else it is one, and another worker may have the next."""

REQUESTS_AT_ONCE = 16
"""Requests of one connection that are answered before others get their turn."""

MOMENT_SECONDS = 0.001
"""How long one moment is used. It comes after the requests that have come together; what comes
later, or waits behind others, is answered at one no older than this."""

AT_ONCE_SECONDS = 0.001
"""How long requests of one connection are answered before others get their turn, but for one."""

LOGGED_AT_ONCE = 2500
"""Pieces of lines, a few for each, that wait to be logged together at most, but for one request."""

_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_REJECTIONS = {Outcome.LONG_BODY: Rejection.LONG_BODY, Outcome.UNCLEAR: Rejection.UNCLEAR}

_ALIVE = (b"GET /healthz ", b"HEAD /healthz ")
"""What is asked however busy we are, by those who would end us if we did not answer."""


def _at_once() -> Iterator[None]:
    """Yield for each request of a connection that is answered before others get their turn."""
    ends = time.monotonic() + AT_ONCE_SECONDS
    for number in range(REQUESTS_AT_ONCE):
        if number and time.monotonic() > ends:
            return
        yield


class Listening(Protocol):
    """What the worker needs of gunicorn's application."""

    bounds: Bounds
    tls: Callable[[], ssl.SSLContext] | None
    hot: Hot


class Worker(base.Worker):  # type: ignore[misc]  # its base is untyped
    """One process of the sidecar.

    Slow callers, those that send and those that read, cost memory and none of the threads.
    """

    def init_process(self) -> None:
        """Begin, in the new process; returns when the worker has ended."""
        app = cast("Listening", self.app)
        self._bounds, self._tls = app.bounds, app.tls
        self.front = Front(app.hot, self.cfg, app.bounds)
        self._selector = selectors.DefaultSelector()
        self._connections: dict[Connection, None] = {}
        self._lanes = Lanes(self.cfg.threads, self._wake)
        self._accepts = False
        self._ready: dict[Connection, None] = {}
        """Those that can be read or written, in the order in which they have their turns."""
        self._unfinished: dict[Connection, None] = {}
        """Those of which more had come than had a turn, likewise."""
        self._lags = False
        """Whether more had come than had a turn in the last one."""
        self._unlogged: list[tuple[Connection, Head, Told, bool]] = []
        """Answers whose lines are still to be logged, and whether their connections stay."""
        self._lines: list[bytes] = []
        """These lines, in pieces."""
        self._moment: datetime | None = None
        """At which the front answers; None where it does not."""
        self._moment_ends = 0.0
        self._now = self._swept = self._told = 0.0
        super().init_process()

    def run(self) -> None:
        """Serve until told to end, then see those through who have begun to ask."""
        # gunicorn writes into the pipe when a signal has come, and so do our threads.
        self._selector.register(self.PIPE[0], READ, self._woken)
        self._accept_more(yes=True)
        while self.alive and self.ppid == os.getppid():
            self._turn()
        self._accept_more(yes=False)
        now = time.monotonic()
        for each in self._connections:
            if not each.received and each.stage in {Stage.RECEIVING, Stage.IDLE}:
                each.deadline = min(each.deadline, now + PARTING_SECONDS)
        while self._connections and time.monotonic() < now + self.cfg.graceful_timeout:
            self._turn()
        self._lanes.end()

    def _turn(self) -> None:
        begun = time.monotonic()
        self._lags = bool(self._ready or self._unfinished)
        for key, _ in self._selector.select(0 if self._lags else SWEEP_SECONDS):
            if not isinstance(key.data, Connection):
                key.data(key.fileobj)  # who connects, and what the threads have answered
            elif key.data not in self._unfinished:  # where it has its place
                self._ready[key.data] = None
        self._now = time.monotonic()
        self._begin_moment(self._now)
        self._serve(self._ready)
        self._serve(self._unfinished)
        self._log_and_tell()
        if begun >= self._swept + SWEEP_SECONDS:
            self._swept = begun
            self.notify()
            # If we were stopped meanwhile, what has come by now is known in the next turn.
            self._sweep(begun)
            self._accept_more(yes=self.alive)

    def _serve(self, waiting: dict[Connection, None]) -> None:
        """Serve these, for one turn at most; who had none goes first in the next."""
        ends = time.monotonic() + TURN_SECONDS
        for connection in list(waiting):
            del waiting[connection]
            if connection in self._connections:
                self._go_on(connection)
            if len(self._lines) > LOGGED_AT_ONCE:
                self._log_and_tell()
            if time.monotonic() > ends:
                return

    def _begin_moment(self, now: float) -> None:
        self._moment, self._moment_ends = self.front.moment(), now + MOMENT_SECONDS

    def _wake(self) -> None:
        try:
            os.write(self.PIPE[1], b".")
        except BlockingIOError:
            return  # it is full, and wakes as it is

    def _woken(self, _: object) -> None:
        try:
            os.read(self.PIPE[0], 4096)
        except BlockingIOError:
            return
        for connection, exchange, error in self._lanes.finished():
            if error:
                self.log.error("a request failed", exc_info=error)
            # Of a caller that has left, or has been told that it takes too long, nobody waits.
            if connection.exchange is exchange and connection in self._connections:
                answer = exchange.answer or refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
                connection.exchange = None  # an idle connection does not hold on to its answer
                self._say(connection, answer, keep=exchange.keeps_connection)

    # --- coming and going -----------------------------------------------------------------------

    def _accept_more(self, *, yes: bool) -> None:
        if yes is self._accepts:
            return
        self._accepts = yes
        for listener in cast("Sequence[Any]", self.sockets):
            if yes:
                listener.settimeout(0.0)
                self._selector.register(listener, READ, self._accept)
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: Any) -> None:  # noqa: ANN401  gunicorn's
        for _ in range(CONNECTIONS_AT_ONCE if self._lags else 1):
            if len(self._connections) >= self._bounds.max_connections and not self._make_room():
                return self._accept_more(yes=False)
            try:
                sock, peer = listener.accept()
            except OSError as error:
                if error.errno in _FULL and not self._make_room():
                    self._accept_more(yes=False)
                return None
            self._let_in(sock, (peer, listener.getsockname()))
        return None

    def _let_in(self, sock: socket.socket, ends: tuple[Any, Any]) -> None:
        sock.settimeout(0.0)
        if self._tls:
            try:
                sock = self._tls().wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
            except OSError:
                return sock.close()
        connection = Connection(sock, ends, self._bounds)
        self._connections[connection] = None
        connection.deadline = time.monotonic() + self._bounds.transfer_seconds
        self._ready[connection] = None
        return None

    def _make_room(self) -> bool:
        for stages in EXPENDABLE:
            found = [each for each in self._connections if each.stage in stages]
            if found:
                self._drop(min(found, key=lambda each: (self._waits(each), each.deadline)))
                return True
        return False

    def _waits(self, connection: Connection) -> bool:
        """Whether it is our turn, not its: whatever it has sent is still to be looked at."""
        return connection in self._ready or connection in self._unfinished

    def _drop(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        self._watch(connection, 0)
        connection.sock.close()

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.watched:
            return
        if connection.watched:
            self._selector.unregister(connection.sock)
        if events:
            self._selector.register(connection.sock, events, connection)
        connection.watched = events

    def _sweep(self, now: float) -> None:
        for each in [each for each in self._connections if each.deadline <= now]:
            if self._waits(each):
                continue
            exchange = each.exchange
            if each.stage is Stage.ANSWERING and exchange:
                # It leaves the queue; if it has left it already, what comes of it is dropped. Told
                # by this very thread: where one answer takes too long, another would not be sooner.
                exchange.cancel()
                each.exchange = None
                late = Rejection.LATE
                self._say(each, refusal(late.status, exchange.said, late.sentence), keep=False)
            elif each.stage is Stage.RECEIVING and each.received:
                self._say(each, refusal(HTTPStatus.REQUEST_TIMEOUT), keep=False)
            else:
                self._drop(each)

    # --- one connection -------------------------------------------------------------------------

    def _go_on(self, connection: Connection) -> None:
        try:
            match connection.stage:
                case Stage.GREETING:
                    self._greet(connection)
                case Stage.RECEIVING | Stage.IDLE:
                    self._receive(connection)
                case Stage.SENDING:
                    self._send_and_go_on(connection)
                case Stage.PARTING if not connection.drain():
                    self._drop(connection)
        except OSError:
            self._drop(connection)

    def _greet(self, connection: Connection) -> None:
        if events := connection.greet():
            return self._watch(connection, events)
        connection.stage = Stage.RECEIVING
        return self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        if connection.is_plain and not connection.received:
            # Most requests come in one piece, alone.
            piece = connection.receive_piece()
            if piece is None:
                return self._watch(connection, READ)
            if self._answer_here(connection, piece):
                return None
            connection.received += piece
        for _ in _at_once():
            outcome = connection.receive()
            if outcome is Outcome.LONG_HEAD:
                head_too_long = refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return self._say(connection, head_too_long, keep=False)
            if outcome is Outcome.MORE:
                if connection.stage is Stage.IDLE and connection.received:
                    connection.stage = Stage.RECEIVING
                    connection.deadline = time.monotonic() + self._bounds.transfer_seconds
                return self._watch(connection, READ)
            said = connection.take()
            if outcome is not Outcome.WHOLE or not self._answer_here(connection, said):
                return self._ask(connection, said, _REJECTIONS.get(outcome))
            if connection.stage is not Stage.IDLE:
                return None
        self._unfinished[connection] = None
        return None

    def _answer_here(self, connection: Connection, said: bytes) -> bool:
        """Answer a request if it is one that keeps nobody waiting; else do nothing."""
        if (now := time.monotonic()) > self._moment_ends:
            self._begin_moment(now)
        moment = self._moment
        if moment is None or self._lanes.waiting >= self._bounds.max_waiting:
            return False
        parts = self.front.parts(said)
        if parts is None:
            return False
        head, body = parts
        keep = head.keeps and self.alive
        try:
            told = self.front.answer_here(head, body, moment)
            if told is None:
                return False
            if told.lines:
                connection.stage = Stage.ANSWERING
                connection.deadline = self._now + self._bounds.request_seconds
                self._unlogged.append((connection, head, told, keep))
                self._lines += told.lines
                return True
            answer = self.front.written(told, keep=keep)
        except Exception:
            # What happens in a thread to one request must not happen here to all connections.
            self.log.exception("a request failed")
            answer, keep = refusal(HTTPStatus.INTERNAL_SERVER_ERROR, said), False
        self._begin_to_send(connection, answer, keep=keep)
        self._send(connection)
        return True

    def _log_and_tell(self) -> None:
        """Log what was answered in this turn, all at once, and then tell it."""
        if not self._unlogged:
            return
        unlogged, self._unlogged = self._unlogged, []
        lines, self._lines = self._lines, []
        failed, refused = False, None
        try:
            refused = self.front.logged(lines)
        except Exception:
            # As in `_answer_here`: it must not happen to all connections.
            self.log.exception("requests failed")
            failed = True
        self._now = time.monotonic()
        for connection, head, told, keep in unlogged:
            if connection not in self._connections:
                continue
            if failed:
                self._tell(connection, refusal(HTTPStatus.INTERNAL_SERVER_ERROR), keep=False)
            else:
                answer = refused.named(head.fields) if refused else told
                self._tell(connection, self.front.written(answer, keep=keep), keep=keep)

    def _tell(self, connection: Connection, answer: bytes, *, keep: bool) -> None:
        """Send an answer; what has come behind its request has its turn in the next one."""
        self._begin_to_send(connection, answer, keep=keep)
        try:
            self._send(connection)
        except OSError:
            return self._drop(connection)
        if connection.stage is Stage.IDLE and (connection.received or not connection.is_plain):
            self._unfinished[connection] = None
        return None

    def _ask(self, connection: Connection, said: bytes, refused: Rejection | None) -> None:
        busy = self._lanes.waiting >= self._bounds.max_waiting
        if refused is None and busy and not said.startswith(_ALIVE):
            self._tell_that_it_is_busy()
            # At once, by this very thread: another would have to wait for its turn.
            answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE, said)
            return self._say(connection, answer, keep=False)
        self._watch(connection, 0)
        connection.stage = Stage.ANSWERING
        connection.deadline = time.monotonic() + self._bounds.request_seconds
        refused = refused or (Rejection.BUSY if busy else None)
        connection.exchange = Exchange(said, connection.ends, refused)
        return self._lanes.ask(connection, connection.exchange, self)

    def _tell_that_it_is_busy(self) -> None:
        now = time.monotonic()
        if now > self._told + 1:
            self._told = now
            self.log.warning("refusing: %d requests wait already", self._lanes.waiting)

    def _say(self, connection: Connection, answer: bytes | bytearray, *, keep: bool) -> None:
        self._now = time.monotonic()
        self._begin_to_send(connection, answer, keep=keep)
        self._go_on(connection)

    def _begin_to_send(
        self, connection: Connection, answer: bytes | bytearray, *, keep: bool
    ) -> None:
        connection.stage = Stage.SENDING
        connection.deadline = self._now + self._bounds.transfer_seconds
        connection.answer(answer, keep=keep)

    def _send_and_go_on(self, connection: Connection) -> None:
        self._send(connection)
        if connection.stage is Stage.IDLE:
            self._receive(connection)

    def _send(self, connection: Connection) -> None:
        now = self._now
        if not connection.send():
            self._watch(connection, WRITE)
        elif connection.keeps:
            connection.stage = Stage.IDLE
            connection.deadline = now + (
                self._bounds.idle_seconds if self.alive else PARTING_SECONDS
            )
            self._watch(connection, READ)
        else:
            connection.stage = Stage.PARTING
            connection.deadline = now + PARTING_SECONDS
            connection.part()
            self._watch(connection, READ)
