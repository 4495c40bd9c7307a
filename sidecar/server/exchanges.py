"""One request and its answer, both in memory, read and written by gunicorn's own parser."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import msgspec
from gunicorn.http import RequestParser, wsgi  # type: ignore[import-untyped]  # it has no types
from gunicorn.http.errors import (  # type: ignore[import-untyped]
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
    UnsupportedTransferCoding,
)

from sidecar.http.errors import RETRY_SECONDS
from sidecar.http.overload import REFUSED, Rejection
from sidecar.server.front import Front

_SENTENCES: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "this is not a request of HTTP/1.1 that can be read in one way only",
    HTTPStatus.REQUEST_TIMEOUT: "the request did not come to its end in time",
    HTTPStatus.REQUEST_URI_TOO_LONG: "the first line is too long",
    HTTPStatus.EXPECTATION_FAILED: "only `Expect: 100-continue` is understood",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "there are too many header fields, or long ones",
    HTTPStatus.INTERNAL_SERVER_ERROR: "the sidecar failed; its log says how",
    HTTPStatus.NOT_IMPLEMENTED: "the only transfer coding is `chunked`",
    HTTPStatus.SERVICE_UNAVAILABLE: Rejection.BUSY.sentence,
}

_STATUSES: dict[type[Exception], HTTPStatus] = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class Server(Protocol):
    """What an exchange needs of the worker: gunicorn's names."""

    cfg: Any
    log: Any
    wsgi: Callable[..., Iterable[bytes]]
    front: Front
    alive: bool


_REQUEST_ID = re.compile(rb"\r\n(X-Request-ID:[ \t]*[\x21-\x7e]{1,1000}\r\n)", re.IGNORECASE)


def refusal(status: HTTPStatus, said: bytes = b"", sentence: str = "") -> bytes:
    """Return the last answer on a connection, to what the application never gets to see.

    Args:
        status: What is wrong.
        said: The request, if its head is known to be one.
        sentence: What is wrong, where the status alone does not tell.
    """
    error = {"status": status.value, "message": sentence or _SENTENCES[status]}
    body = msgspec.json.encode({"decision": False, "error": error})
    named = _REQUEST_ID.search(said.partition(b"\r\n\r\n")[0] + b"\r\n")
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        + (f"Retry-After: {RETRY_SECONDS}\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else "")
    )
    return head.encode("ascii") + (named[1] if named else b"") + b"\r\n" + body


class Exchange:
    """One request and its answer; to gunicorn it is the socket that it reads and writes."""

    def __init__(self, said: bytes, ends: tuple[Any, Any], refused: Rejection | None) -> None:
        self.said = said
        self.ends = ends
        """The addresses of the caller and of ourselves."""
        self.refused = refused
        self.answer = bytearray()
        self.keeps_connection = False
        self.cancel: Callable[[], bool] = lambda: False
        """Has it not be answered, if nobody has begun."""
        self._read = 0

    def run(self, server: Server) -> None:
        """Read the request and answer it; `answer` is never left empty by a caller's fault."""
        parts = None if self.refused else server.front.parts(self.said)
        if parts:
            self.keeps_connection = parts[0].keeps and server.alive
            told = server.front.answer(*parts)
            self.answer[:] = server.front.written(told, keep=self.keeps_connection)
            return
        self._run(server)

    def _run(self, server: Server) -> None:
        parser = RequestParser(server.cfg, self, self.ends[0])
        begun = datetime.now()  # noqa: DTZ005, TID251  gunicorn's log tells how long it took
        try:
            request = next(parser)
            response, environ = wsgi.create(request, self, *self.ends, server.cfg)
            environ["wsgi.input"] = io.BytesIO(self._body(parser))
        except (ParseException, NoMoreData, StopIteration) as error:
            server.log.debug("a request is refused: %s", type(error).__name__)
            self.answer[:] = refusal(_STATUSES.get(type(error), HTTPStatus.BAD_REQUEST))
            return
        environ["wsgi.multithread"] = True
        environ[REFUSED] = self.refused
        if not server.alive or (self.refused and self.refused.ends_connection):
            response.force_close()
        pieces = server.wsgi(environ, response.start_response)
        try:
            for piece in pieces:
                response.write(piece)
            response.close()
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        took = datetime.now() - begun  # noqa: DTZ005, TID251  likewise
        server.log.access(response, request, environ, took)
        self.keeps_connection = not response.should_close()

    def _body(self, parser: Any) -> bytes:  # noqa: ANN401  gunicorn's
        if self.refused and self.refused.ends_connection:
            return b""
        body: bytes = parser.mesg.body.read()
        if parser.unreader.read():
            # gunicorn finds an earlier end than we do: then nobody knows what the rest is.
            raise ParseException
        return body

    # --- a socket's face ----------------------------------------------------------------------

    def recv(self, size: int) -> bytes:
        """Return what is still to be read; nothing is what a caller that has ended sends."""
        piece = self.said[self._read : self._read + size]
        self._read += len(piece)
        return piece

    def sendall(self, data: bytes) -> None:
        """Keep a part of the answer."""
        self.answer += data

    def send(self, data: bytes) -> int:
        """Drop what gunicorn says to have the body sent: all of it is there already."""
        return len(data)
