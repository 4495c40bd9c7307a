"""One connection: requests are parsed, answered one after the other, and sent.

llhttp, through httptools, is the only parser. It is given one head, or one piece of a body, at a
time, so that limits hold before more is parsed, and a client that pipelines gets a bounded number
of requests answered before other connections have their turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto
from time import monotonic
from typing import TYPE_CHECKING, Any

import httptools

from sidecar.http.errors import Rejection
from sidecar.http.message import Response
from sidecar.server.request import RefusedError, Request, read_head
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

MAX_CHUNKS = 4096
"""Chunks of one body: each costs more to parse than to send."""

MAX_CHUNK_EXTRA = 1024
"""Bytes of chunk extensions and trailers of one body. They are read and ignored."""

CHUNK_FRAMING = 16
"""Bytes that a chunk takes beside its data: a size of at most 12 digits, and two line ends."""

CHUNKED_PIECE = 1024
"""Bytes of a chunked body that are parsed at once."""

SHORT_BYTES = 2048
"""Bytes that are parsed at once, where no body in chunks is among them."""

_FIRST_LETTER = ord("A")

_END_OF_HEAD = b"\r\n\r\n"


class Phase(Enum):
    """What a connection waits for."""

    RECEIVING = auto()
    """The TLS handshake, or a request that is not complete."""
    IDLE = auto()
    """The next request."""
    ANSWERING = auto()
    """Our own response."""
    SENDING = auto()
    """A client that reads."""
    CLOSING = auto()
    """A client that closes: what it still sends is dropped, or it might never see our response."""


# Members of an enumeration are looked up slowly, as slowly as a header field is read.
_RECEIVING, _IDLE, _ANSWERING, _SENDING, _CLOSING = Phase


class HttpProtocol(asyncio.Protocol):
    """One connection of one client; llhttp calls the ``on_`` methods."""

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
        self._is_tls = is_tls
        self._keep_alive = True
        self._ended = False
        """Whether the client sends nothing more."""
        self._reads = True
        self._writes = True
        """Whether all that we have sent has left our buffers."""
        self._output: list[bytes] = []
        self._data: bytes = b""
        self._position = 0
        """Up to which `_data` is parsed."""
        self._requests: deque[Request] = deque()
        """Requests that have arrived and are not answered; usually none."""
        self._parser = httptools.HttpRequestParser(self)
        self._refused: RefusedError | None = None
        self._refused_fields: list[tuple[bytes, bytes]] = []
        self._short_bytes = min(SHORT_BYTES, service.limits.max_head_bytes)
        self._begin_head()

    def _begin_head(self) -> None:
        self._incoming: Request | None = None
        """The request whose head has arrived, and whose body has not."""
        self._begun = False
        self._continued = False
        """Whether the client was told to send the body."""
        self._head_bytes = 0
        """Of the head, empty lines before it included; as far as it is known not to be complete."""
        self._body_bytes = 0
        self._body_sent = 0
        """Bytes that a chunked body took so far, its framing included."""
        self._chunks = 0
        self._target = b""
        self._tail = b""
        """The last bytes of a head that is not complete."""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

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
        self._parser = self._requests = self.transport = None  # type: ignore[assignment]  # a cycle

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived, and answer it if it is this connection's turn."""
        if self.phase is _CLOSING:
            return
        self._data = self._data[self._position :] + data if self._data else data
        self._position = 0
        if self.has_turn or self.phase is _ANSWERING or self.phase is _SENDING:
            self._read(more=False)
        else:
            self._take_turn()

    def eof_received(self) -> bool:
        """Answer what the client has asked before it stopped sending; else close."""
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
            self._become_idle()
            self._take_turn()
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
            self._flush()
            if self.phase is _IDLE and self._has_data():
                self._schedule_turn()

    def send_last(self, rejection: Rejection) -> None:
        """Send a refusal of what cannot be read on with, and close."""
        self.request = None
        self._keep_alive = False
        self._write(rejection.response())
        self._flush()

    def wait(self) -> None:
        """Wait for the response to the present request."""
        self.phase = _ANSWERING
        self.deadline = monotonic() + self._service.limits.request_seconds

    def has_begun_request(self) -> bool:
        """Tell whether a part of a request has arrived."""
        return self._begun

    def close_when_idle(self, deadline: float) -> None:
        """Close at a deadline, unless a request arrives before."""
        if self.phase in {_RECEIVING, _IDLE} and not self.has_begun_request():
            self.deadline = min(self.deadline, deadline)

    def abort(self) -> None:
        """Close at once."""
        if self.connecting is not None:
            self.connecting.cancel()
        if self.transport is not None:
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

    def _take_turn(self) -> None:
        """Answer requests that have arrived, but not so many that others wait for long."""
        ends, count = monotonic() + TURN_SECONDS, 0
        while self._requests or self._has_request():
            count += 1
            request = self.request = self._requests.popleft()
            self._keep_alive = request.keep_alive and not self._service.is_stopping
            self._service.answer(self, request)
            if self.phase is not _IDLE or not self._keep_alive:
                break
            if self._has_data():
                if count >= REQUESTS_PER_TURN or monotonic() > ends:
                    self._schedule_turn()
                    break
            elif not self._begun:  # as usual: nothing more has arrived
                self._data, self._position = b"", 0
                break
        self._flush()

    def _flush(self) -> None:
        """Send what has been written, and decide what the connection waits for."""
        if self.transport is None:
            return
        if self._output:
            data = self._output[0] if len(self._output) == 1 else b"".join(self._output)
            self._output.clear()
            self.transport.write(data)
        if self.phase is _ANSWERING:
            return
        if not self._keep_alive:
            self._close()
        elif not self._writes:
            self.phase = _SENDING
            self.deadline = monotonic() + self._service.limits.transfer_seconds
        elif not self._has_data() and not self.has_turn:
            if not self._reads:
                self._read(more=True)
            if self._ended:
                self.transport.close()

    def _close(self) -> None:
        """Send nothing more; drop what arrives until the client closes, too."""
        seconds = CLOSING_SECONDS if self._writes else self._service.limits.transfer_seconds
        self.phase = _CLOSING
        self.deadline = monotonic() + seconds
        self._data = b""
        self._requests.clear()
        self._read(more=True)
        if self._ended or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()

    def _become_idle(self) -> None:
        limits, self.phase = self._service.limits, _IDLE
        seconds = CLOSING_SECONDS if self._service.is_stopping else limits.idle_seconds
        self.deadline = monotonic() + seconds

    def _write(self, response: Response) -> None:
        request, self.request, self.job = self.request, None, None
        is_head = request is not None and request.method == "HEAD"
        self._output.append(
            self._service.writer.write(response, keep_alive=self._keep_alive, is_head=is_head)
        )
        if self._service.access_log is not None:
            self._service.access_log.add(self.client, request, response)
        self._become_idle()

    def _read(self, *, more: bool) -> None:
        """Read on, or leave it to the kernel to hold back a client that sends too much."""
        if more is not self._reads and self.transport is not None:
            self._reads = more
            if more:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    # --- parsing --------------------------------------------------------------------------------

    def _has_data(self) -> bool:
        return bool(self._requests) or self._position < len(self._data)

    def _has_request(self) -> bool:
        """Parse until a whole request is there; False where more has to arrive."""
        while not self._requests:
            if self._refused is not None:
                self._refuse(self._refused)
                return False
            if self._position >= len(self._data):
                self._data, self._position = b"", 0
                self._await_more()
                return False
            self._parse_piece()
        return True

    def _refuse(self, refused: RefusedError) -> None:
        self._keep_alive = False
        response = refused.rejection.response(refused.detail)
        for name, value in self._refused_fields:
            if name.lower() == b"x-request-id":
                response = response.with_headers(("X-Request-ID", value.decode("latin-1")))
        self._write(response)

    def _reject(self, rejection: Rejection, detail: str = "") -> None:
        """Refuse a request, once those before it are answered; nothing behind it is read."""
        if self._refused is None:
            self._refused, self._refused_fields = RefusedError(rejection, detail), self._fields
            self._fields = []

    def _await_more(self) -> None:
        """Set the deadline of a request that has begun, and tell its client to send the body."""
        if self.phase is _IDLE and self.has_begun_request():
            self.phase = _RECEIVING
            self.deadline = monotonic() + self._service.limits.transfer_seconds
        if self._incoming is not None and self._incoming.expects_continue and not self._continued:
            self._continued = True
            self._output.append(CONTINUE)

    def _parse_piece(self) -> None:
        """Give the parser the next piece: one head, or a part of a body.

        A few requests that have arrived together are parsed at once, unless there may be chunks:
        they are so short that no limit is passed by that.
        """
        data, start = self._data, self._position
        count = len(self._requests)
        is_short = (
            not self._begun
            and len(data) - start <= self._short_bytes
            and data[start] >= _FIRST_LETTER
            and b"hunked" not in data
        )
        if is_short:
            end = len(data)
        elif self._incoming is None:
            end = self._end_of_head(data, start)
            self._head_bytes += end - start
            if self._head_bytes > self._service.limits.max_head_bytes:
                self._reject(Rejection.LONG_HEAD)
                return
        elif self._incoming.is_chunked:
            end = min(start + CHUNKED_PIECE, len(data))
            self._body_sent += end - start
        else:
            end = start + self._incoming.content_length - self._body_bytes
        piece = data[start:end]
        self._position = start + len(piece)
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._position = start + upgrade.args[0]
            self._ignore_upgrade()
        except httptools.HttpParserError as error:
            self._reject(Rejection.MALFORMED_HTTP, str(error).lower())
        else:
            if self._begun or len(self._requests) == count:  # else whole requests, and no more
                if is_short and self._incoming is None and len(self._requests) == count:
                    self._head_bytes += len(piece)
                self._check_piece(piece)

    def _end_of_head(self, data: bytes, start: int) -> int:
        """Return where the head ends, or all data where its end has not arrived."""
        found: int = data.find(_END_OF_HEAD, start)
        if self._tail:  # the end may have arrived in part
            before = (self._tail + data[start : start + 3]).find(_END_OF_HEAD)
            if before >= 0:
                return start + before + len(_END_OF_HEAD) - len(self._tail)
        return len(data) if found < 0 else found + len(_END_OF_HEAD)

    def _check_piece(self, piece: bytes) -> None:
        """Hold limits that depend on more than one piece."""
        if self._incoming is None:
            if len(self._target) > self._service.limits.max_line_bytes:
                self._reject(Rejection.LONG_LINE)
            elif not self._begun and self._head_bytes > len(b"\r\n"):
                self._reject(Rejection.EMPTY_LINES)
            if self._begun or self._head_bytes:
                self._tail = (self._tail + piece)[-3:]
            return
        extra = self._body_sent - self._body_bytes - CHUNK_FRAMING * (self._chunks + 1)
        if self._chunks > MAX_CHUNKS:
            self._reject(Rejection.LONG_BODY)
        elif self._incoming.is_chunked and extra > MAX_CHUNK_EXTRA:
            self._reject(Rejection.LONG_CHUNK_EXTENSIONS)

    def _ignore_upgrade(self) -> None:
        """Parse a request anew that offers another protocol, without that offer.

        llhttp takes what follows for that protocol. Clients that would like HTTP/2 make the offer
        with their first request, and expect an answer by HTTP/1.1 (RFC 9110, 7.8).
        """
        request = self._incoming
        if request is None or self._refused is not None:
            return
        first = f"{request.method} {request.target.decode('latin-1')} HTTP/{request.version}\r\n"
        fields = [field for field in request.headers.items() if field[0] != b"upgrade"]
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        self._begin_head()
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(first.encode("latin-1") + lines + b"\r\n")

    # --- called by llhttp -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._begun = True

    def on_url(self, part: bytes) -> None:
        """Take in a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a field of the head; those of trailers are dropped with the body."""
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Read the head, or refuse it."""
        parser, limits = self._parser, self._service.limits
        try:
            self._incoming = read_head(
                parser.get_method(),
                self._target,
                parser.get_http_version(),
                self._fields,
                limits,
                keep_alive=parser.should_keep_alive(),
            )
        except RefusedError as refused:
            self._reject(refused.rejection, refused.detail)

    def on_chunk_header(self) -> None:
        """Count a chunk."""
        self._chunks += 1

    def on_body(self, part: bytes) -> None:
        """Take in a part of the body."""
        self._body_bytes += len(part)
        if self._body_bytes > self._service.limits.max_body_bytes:
            self._reject(Rejection.LONG_BODY)
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Put a whole request in line."""
        request = self._incoming
        if request is None or self._refused is not None or self._parser.should_upgrade():
            return
        request.body = b"".join(self._body)
        self._requests.append(request)
        self._begin_head()
