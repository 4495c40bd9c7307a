"""One connection: its requests are answered one after the other, and sent.

A client that pipelines gets a bounded number of requests answered before other connections have
their turn.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

from sidecar.http.errors import Rejection, traced
from sidecar.http.message import OK, Response
from sidecar.http.trace_context import TRACEPARENT
from sidecar.server.phase import Phase
from sidecar.server.request import Headers, RefusedError, Request
from sidecar.server.request_counts import count_response
from sidecar.server.request_parser import SHORT_BYTES, RequestParser
from sidecar.server.response import CONTINUE

if TYPE_CHECKING:
    from sidecar.server.service import Service
    from sidecar.server.thread_pool import Job

CLOSING_SECONDS = 2.0
"""How long a client may take to close after our last response."""

REQUESTS_PER_TURN = 16
"""Requests of one connection that are answered before other connections have their turn."""

TURN_SECONDS = 0.001
"""How long requests of one connection are answered before others have their turn, but for one."""


# Members of an enumeration are looked up slowly, as slowly as a header field is read.
_RECEIVING, _IDLE, _ANSWERING, _SENDING, _CLOSING = Phase


class HttpProtocol(asyncio.Protocol):
    """One connection of one client."""

    transport: Any = None

    def __init__(self, service: Service, client: str, *, is_tls: bool) -> None:
        """Begin before the handshake of TLS.

        Args:
            service: Answers requests.
            client: The address of the client.
            is_tls: Whether there is a handshake.
        """
        self.client = client
        self.phase = _RECEIVING
        self.deadline = monotonic() + service.limits.transfer_seconds
        """When the connection is closed, by the clock `monotonic`."""
        self.is_admitted = False
        """Whether it has sent a request that was authenticated."""
        self.has_turn = False
        """Whether it waits for its next turn: then no deadline passes."""
        self.connecting: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.request: Request | None = None
        """The request that is being answered."""
        self._service = service
        self._count = service.counters.answer
        self._is_tls = is_tls
        self._keep_alive = True
        self._ended = False
        """Whether the client sends nothing more."""
        self._reads = True
        self._writes = True
        """Whether all that we have sent has left our buffers."""
        self._arrived = 0.0
        """When the request that is next, or that is being answered, had arrived; 0 before its turn.
        A request that had to wait for the one before counts from the response to that one."""
        self._output: list[bytes] = []
        self._parser = RequestParser(service.limits)

    # --- called by asyncio --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to receive."""
        self.transport = transport
        # So that `pause_writing` tells of all that waits. With 0, asyncio takes an empty buffer of
        # TLS for a full one.
        self.transport.set_write_buffer_limits(high=1, low=0)

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the connection, and cancel its request."""
        self._service.forget(self)
        self.phase = _CLOSING
        self._parser.close()
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived, and answer it if it is this connection's turn."""
        phase = self.phase
        if phase is _CLOSING:
            return
        self._parser.add(data)
        if self.has_turn or phase is _ANSWERING or phase is _SENDING:
            self._read(more=False)
        elif len(data) > SHORT_BYTES and not self._service.may_take_long():
            self._arrived = monotonic()
            self._schedule_turn()
        else:
            self._arrived = 0.0
            self._take_turn()
            if self._output:
                self._service.flush_soon(self)

    def eof_received(self) -> bool:
        """Answer what the client has asked before it stopped sending; else close."""
        if self._output:
            self.flush()
        self._ended = True
        waits = self.has_turn or self.phase in {_ANSWERING, _SENDING}
        return waits and not self._is_tls  # a half-closed connection is not known to TLS

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._writes = False

    def resume_writing(self) -> None:
        """Go on: the client has read everything."""
        self._writes = True
        if self.phase is _SENDING:
            self._become_idle(monotonic())
            self._take_turn()
            self.flush()
        elif self.phase is _CLOSING:
            self.deadline = monotonic() + CLOSING_SECONDS

    # --- called by the service ----------------------------------------------------------------

    def send(self, response: Response) -> None:
        """Send the response to the request that is being answered.

        A connection that waited for it goes on in its next turn.
        """
        if self.request is None or self.transport is None:
            return
        waited = self.phase is _ANSWERING
        self._write(response)
        if waited:
            self.flush()
            if self.phase is _IDLE and self._parser.has_data():
                self._schedule_turn()

    def send_last(self, rejection: Rejection) -> None:
        """Send a refusal of what cannot be read on with, and close."""
        self._keep_alive = False
        self._write(rejection.response(), self._parser.ids())
        self.flush()

    def wait(self) -> None:
        """Wait for the response to the present request."""
        self.phase = _ANSWERING
        self.deadline = monotonic() + self._service.limits.request_seconds

    def has_begun_request(self) -> bool:
        """Tell whether a part of a request has arrived."""
        return self._parser.has_begun

    def close_when_idle(self, deadline: float) -> None:
        """Close at a deadline, unless a request arrives before."""
        if self.phase in {_RECEIVING, _IDLE} and not self.has_begun_request():
            self.deadline = min(self.deadline, deadline)

    def abort(self) -> None:
        """Close at once."""
        if self.connecting is not None:
            self.connecting.cancel()
        if self.transport is not None:
            if self._output:
                self.transport.write(b"".join(self._output))
            self.transport.abort()
        self._service.forget(self)

    # --- turns ----------------------------------------------------------------------------------

    def _schedule_turn(self) -> None:
        self.has_turn = True
        self._service.schedule_turn(self)

    def take_scheduled_turn(self) -> None:
        """Answer requests that were left for this turn."""
        self.has_turn = False
        if self.transport is not None and self.phase in {_RECEIVING, _IDLE}:
            self._take_turn()
            self.flush()

    def _take_turn(self) -> None:
        """Answer requests that have arrived, but not so many that others wait for long."""
        parser, clock, count = self._parser, monotonic(), 0
        self._arrived = self._arrived or clock
        ends = clock + TURN_SECONDS
        try:
            while (request := parser.next()) is not None:
                count += 1
                self.request = request
                self._keep_alive = request.keep_alive and not self._service.is_stopping
                self._service.answer(self, request, clock)
                if self.phase is not _IDLE or not self._keep_alive:
                    break
                if parser.has_data():
                    clock = monotonic()
                    if count >= REQUESTS_PER_TURN or clock > ends:
                        self._schedule_turn()
                        break
                elif not parser.has_begun:  # as usual: nothing more has arrived
                    break
            else:
                self._await_more()
        except RefusedError as refused:
            self._refuse(refused)

    def _await_more(self) -> None:
        """Set the deadline of a request that has begun, and tell its client to send the body."""
        if self.phase is _IDLE and self._parser.has_begun:
            self.phase = _RECEIVING
            self.deadline = monotonic() + self._service.limits.transfer_seconds
        if self._parser.begins_to_wait():
            self._output.append(CONTINUE)

    def _refuse(self, refused: RefusedError) -> None:
        """Refuse a request that cannot be read; nothing behind it is read."""
        self._keep_alive = False
        self._write(refused.rejection.response(refused.detail), refused.headers)

    def flush(self) -> None:
        """Send what has been written, and decide what the connection waits for."""
        if self.transport is None or self.phase is _CLOSING:
            return
        if self._output:
            data = b"".join(self._output)
            self._output.clear()
            self.transport.write(data)
        if self.phase is _ANSWERING:
            return
        if not self._keep_alive:
            self._close()
        elif not self._writes:
            self.phase = _SENDING
            self.deadline = monotonic() + self._service.limits.transfer_seconds
        elif (self._ended or not self._reads) and not self.has_turn and not self._parser.has_data():
            self._read(more=True)
            if self._ended:
                self.transport.close()

    def _close(self) -> None:
        """Send nothing more; drop what arrives until the client closes, too."""
        seconds = CLOSING_SECONDS if self._writes else self._service.limits.transfer_seconds
        self.phase = _CLOSING
        self.deadline = monotonic() + seconds
        self._parser.clear()
        self._read(more=True)
        if self._ended or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def _become_idle(self, now: float) -> None:
        self.phase = _IDLE
        self.deadline = now + self._service.idle_seconds

    def _write(self, response: Response, headers: Headers | None = None) -> None:
        """Write the response to the present request, or to one that cannot be read: its headers."""
        request, self.request, self.job = self.request, None, None
        is_head = False
        if request is not None:
            headers, is_head = request.headers, request.method == "HEAD"
        headers = headers or {}
        if response.fault is not None:
            response = traced(response, headers.get(TRACEPARENT))
        request_id = headers.get(b"x-request-id")
        self._output.append(
            self._service.writer.write(
                response, request_id, keep_alive=self._keep_alive, is_head=is_head
            )
        )
        if self._service.access_log is not None:
            self._service.access_log.add(self.client, request, response)
        now = monotonic()
        if request is not None and response.status == OK:
            self._count(request.path, OK, response.counted, now - self._arrived)
        else:
            count_response(self._service.counters, request, response, now - self._arrived)
        self._arrived = now
        self._become_idle(now)

    def _read(self, *, more: bool) -> None:
        """Read on, or leave it to the kernel to hold back a client that sends too much."""
        if more is not self._reads and self.transport is not None:
            self._reads = more
            if more:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()
