"""From the bytes of one connection to its requests.

llhttp, through httptools, is the only parser. It is given one head, or one piece of a body, at a
time, so that limits hold before more is parsed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import httptools

from sidecar.http.errors import Rejection
from sidecar.server.limits import Limits
from sidecar.server.request import (
    Headers,
    RefusedError,
    Request,
    check_line,
    ids_of,
    join_fields,
    read_head,
)

MAX_CHUNKS = 4096
"""Chunks of one body: each costs more to parse than to send."""

MAX_CHUNK_EXTRA = 1024
"""Bytes of chunk extensions and trailers of one body. They are read and ignored."""

CHUNK_FRAMING = 16
"""Bytes that a chunk takes beside its data: a size of at most 12 digits, and two line ends."""

CHUNKED_PIECE = 1024
"""Bytes of a chunked body that are parsed at once."""

SHORT_BYTES = 2048
"""Bytes that are parsed at once, unless the client sends bodies in chunks."""

_FIRST_LETTER = ord("A")

_END_OF_HEAD = b"\r\n\r\n"


class RequestParser:
    """Parses what one client sends; llhttp calls the ``on_`` methods."""

    def __init__(self, limits: Limits) -> None:
        self.has_begun = False
        """Whether a part of a request has arrived that is not complete."""
        self._limits = limits
        self._short_bytes = min(
            SHORT_BYTES, limits.max_line_bytes, limits.max_header_bytes, limits.max_head_bytes
        )
        self._data: bytes = b""
        self._position = 0
        """Up to which `_data` is parsed."""
        self._requests: deque[Request] = deque()
        """Requests that have arrived; usually one at most."""
        self._refused: RefusedError | None = None
        self._told: Request | None = None
        """The last request whose client was told to send the body."""
        self._has_chunks = False
        """Whether a head has been parsed that is followed by chunks."""
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[bytes, bytes] = {}
        """Of the head that arrives, by lower-case names; behind it, of the trailers."""
        self._repeated: list[tuple[bytes, bytes]] = []
        """Fields whose names are among the headers already."""
        self._llhttp = httptools.HttpRequestParser(self)
        self._begin_head()

    def _begin_head(self) -> None:
        self.has_begun = False
        self._incoming: Request | None = None
        """The request whose head has arrived, and whose body has not."""
        self._head_bytes = 0
        """Of the head, empty lines before it included; as far as it is known not to be complete."""
        self._tail = b""
        """The last bytes of a head that is not complete."""
        self._target = b""
        if self._headers:  # trailers of the request before
            self._headers, self._repeated = {}, []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._body_sent = 0
        """Bytes that a chunked body took so far, its framing included."""
        self._chunks = 0

    def add(self, data: bytes) -> None:
        """Take in what has arrived."""
        self._data = self._data[self._position :] + data if self._data else data
        self._position = 0

    def clear(self) -> None:
        """Forget what has arrived: nothing more is answered."""
        self._data, self._position = b"", 0
        self._requests.clear()

    def has_data(self) -> bool:
        """Tell whether something has arrived that is not parsed, or not taken."""
        return bool(self._requests) or self._position < len(self._data)

    def next(self) -> Request | None:
        """Return the next request; None where more of it has to arrive.

        Raises:
            RefusedError: What has arrived is refused, and nothing behind it can be read.
        """
        while not self._requests:
            if self._refused is not None:
                raise self._refused
            if self._position >= len(self._data):
                self._data, self._position = b"", 0
                return None
            self._parse_piece()
        return self._requests.popleft()

    def begins_to_wait(self) -> bool:
        """Tell whether the client waits for `100 Continue`; it has to be told only once."""
        incoming = self._incoming
        if incoming is None or self._told is incoming or not incoming.expects_continue:
            return False
        self._told = incoming
        return True

    def ids(self) -> Headers:
        """Return the fields that identify the request that arrives, as far as they were read."""
        if self._incoming is not None:
            return ids_of(self._incoming.headers, ())
        return ids_of(self._headers, self._repeated)

    def close(self) -> None:
        """Forget the parser of httptools, which is in a cycle with this one."""
        del self._llhttp

    # --- pieces ---------------------------------------------------------------------------------

    def _parse_piece(self) -> None:
        """Give llhttp the next piece: one head, or a part of a body.

        A few requests that have arrived together are parsed at once: they are so short that no
        limit is passed by that, but for those of chunks. If there are any, all is parsed anew, and
        from then on piece by piece. (To look for chunks in advance takes a sixteenth of a request.)
        """
        data, start = self._data, self._position
        at_once = (
            not self.has_begun
            and len(data) - start <= self._short_bytes
            and data[start] >= _FIRST_LETTER
        )
        end = len(data) if at_once else self._end_of_piece(data, start)
        if self._head_bytes > self._limits.max_head_bytes:
            return self._reject(Rejection.LONG_HEAD)
        piece = data[start:end]
        self._position = end
        try:
            self._llhttp.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._position = start + upgrade.args[0]
            self._ignore_upgrade()
        except httptools.HttpParserError as error:
            self._reject(Rejection.MALFORMED_HTTP, str(error).lower())
        if at_once and self._has_chunks:
            self._parse_anew(start)
        elif self.has_begun or not self._requests:  # else whole requests, and no more
            if at_once and not self._requests and self._incoming is None:
                self._head_bytes += len(piece)
            self._check_piece(piece)
        return None

    def _parse_anew(self, start: int) -> None:
        """Forget what has been parsed from a position on, and parse it piece by piece."""
        self._short_bytes, self._has_chunks = 0, False
        self._requests.clear()
        self._refused = None
        self._position = start
        self._begin()

    def _end_of_piece(self, data: bytes, start: int) -> int:
        """Return where the next piece ends, and count it."""
        if self._incoming is None:
            end = self._end_of_head(data, start)
            self._head_bytes += end - start
        elif self._incoming.is_chunked:
            end = min(start + CHUNKED_PIECE, len(data))
            self._body_sent += end - start
        else:
            end = start + self._incoming.content_length - self._body_bytes
        return end

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
            if len(self._target) > self._limits.max_line_bytes:
                self._reject(Rejection.LONG_LINE)
            elif not self.has_begun and self._head_bytes > len(b"\r\n"):
                self._reject(Rejection.EMPTY_LINES)
            if self.has_begun or self._head_bytes:
                self._tail = (self._tail + piece)[-3:]
        elif self._incoming.content_length > self._limits.max_body_bytes:
            self._reject(Rejection.LONG_BODY)
        elif self._incoming.is_chunked:
            extra = self._body_sent - self._body_bytes - CHUNK_FRAMING * (self._chunks + 1)
            if self._chunks > MAX_CHUNKS:
                self._reject(Rejection.LONG_BODY)
            elif extra > MAX_CHUNK_EXTRA:
                self._reject(Rejection.LONG_CHUNK_EXTENSIONS)

    def _reject(self, rejection: Rejection, detail: str = "") -> None:
        """Refuse a request, once those before it are answered; nothing behind it is read."""
        self._refuse(RefusedError(rejection, detail))

    def _refuse(self, refused: RefusedError) -> None:
        if self._refused is None:
            self._refused = refused
            refused.headers = self.ids()

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
        self._begin()
        self._llhttp.feed_data(first.encode("latin-1") + lines + b"\r\n")
        anew = self._incoming or (self._requests[-1] if self._requests else None)
        if anew is not None:
            anew.repeated = request.repeated

    # --- called by llhttp -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.has_begun = True

    def on_url(self, part: bytes) -> None:
        """Take in a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a field of the head; those of trailers are read by nobody."""
        name, value = name.lower(), value.rstrip(b" \t")
        if name in self._headers:
            self._repeated.append((name, value))
        else:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Read the head, or refuse it."""
        headers, limits = self._headers, self._limits
        repeated: Collection[bytes] = ()
        try:
            if self._repeated or self._head_bytes or len(headers) > limits.max_header_fields:
                repeated = join_fields(headers, self._repeated, limits, self._head_bytes)
            if self._head_bytes:  # else it came in a piece too short for a long line
                check_line(self._llhttp, self._target, limits)
            self._incoming = read_head(self._llhttp, self._target, headers, repeated)
        except RefusedError as refused:
            return self._refuse(refused)
        if b"transfer-encoding" in headers:
            self._has_chunks = True
        self._headers, self._repeated = {}, []
        return None

    def on_chunk_header(self) -> None:
        """Count a chunk."""
        self._chunks += 1

    def on_body(self, part: bytes) -> None:
        """Take in a part of the body."""
        self._body_bytes += len(part)
        if self._body_bytes > self._limits.max_body_bytes:
            self._reject(Rejection.LONG_BODY)
        else:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Put a whole request in line."""
        request = self._incoming
        if request is None or self._refused is not None:
            return
        if b"upgrade" in request.headers and self._llhttp.should_upgrade():
            return
        request.body = b"".join(self._body)
        self._requests.append(request)
        self._begin_head()
