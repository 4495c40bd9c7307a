"""The front: answers the paths that are asked all the time, without Flask and without a thread.

What a head says is still found out by gunicorn's parser, once for each head: callers say the same
again and again. What it makes of a head depends on the head alone, so it is kept, by all its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.utils import formatdate
from http import HTTPStatus
from time import time
from typing import Any, NamedTuple

import msgspec
from gunicorn.http import RequestParser, wsgi  # type: ignore[import-untyped]  # it has no types
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from sidecar.http import PATHS, Fields, Hot, Told
from sidecar.http.message import OK, PLAIN
from sidecar.server.bounds import Bounds
from sidecar.server.framing import Framing

MOST_HEADS = 1000
"""Heads that are kept; then all are forgotten, since nobody is known to ask again."""

MOST_HEAD_BYTES = 2048
"""Of a head that is kept."""

MOST_ID_BYTES = 200
"""Of a header field with an id that is told apart from the rest of a head."""

MOST_BODY_BYTES = 32 * 1024
"""Of a request that is answered while others wait."""

_LENGTH = b"Content-Length: "
_USUAL_BYTES = 1024
_ENDS = tuple(b"%d\r\n\r\n" % length for length in range(_USUAL_BYTES))
"""How a head ends, by the length of the body."""

_END_OF_HEAD = b"\r\n\r\n"

_POSTED = tuple(f"POST {path} HTTP/1.1\r\n".encode() for path in PATHS)

_REQUEST_ID = re.compile(rb"\r\nX-Request-ID: ([0-9A-Za-z._-]{1,128})(?=\r\n)")
"""What differs from request to request; written so, it is nothing to any parser but its value."""


class Head(NamedTuple):
    """What a head says."""

    path: str
    fields: Fields
    length: int
    """Of the body."""
    keeps: bool
    """Whether the caller may send another request."""


class Heads:
    """What heads say, by their bytes; None for those that are none of ours to answer."""

    def __init__(self, cfg: Any, bounds: Bounds) -> None:  # noqa: ANN401  gunicorn's
        self._cfg = cfg
        self._bounds = bounds
        self._names_ids = not 0 < cfg.limit_request_field_size < MOST_ID_BYTES
        self._known: dict[bytes, Head | None] = {}

    def look(self, head: bytes) -> Head | None:
        """Return what a head says, which ends with its empty line."""
        known = self._known.get(head)
        if known is not None:
            return known
        if not head.startswith(_POSTED):
            return None
        named = _REQUEST_ID.search(head) if self._names_ids else None
        if named is None:
            return self._found(head)
        # One more of these fields, or one written otherwise, stays, and is read as it is.
        found = self._found(head[: named.start(1)] + b"-" + head[named.end(1) :])
        if found is None or found.fields.request_id != "-":
            return self._read(head)
        fields = msgspec.structs.replace(found.fields, request_id=named[1].decode("ascii"))
        return found._replace(fields=fields)

    def _found(self, head: bytes) -> Head | None:
        if head in self._known:
            return self._known[head]
        found = self._read(head)
        if len(head) <= MOST_HEAD_BYTES:
            if len(self._known) >= MOST_HEADS:
                self._known.clear()
            self._known[head] = found
        return found

    def _read(self, head: bytes) -> Head | None:
        framing = Framing(self._bounds)
        framing.look(bytearray(head))
        if framing.end != len(head) or framing.length is None or framing.expects_continue:
            return None
        source = _Source(head)
        try:
            request = next(RequestParser(self._cfg, source, ("", 0)))
            response, environ = wsgi.create(request, source, ("", 0), ("", 0), self._cfg)
        except (ParseException, StopIteration):
            return None
        # Both readers must have found the same end.
        if environ.get("CONTENT_LENGTH") != str(framing.length) or response.upgrade:
            return None
        if environ["PATH_INFO"] not in PATHS or framing.length > self._bounds.max_body_bytes:
            return None
        keeps = not response.must_close and not request.should_close()
        return Head(environ["PATH_INFO"], Fields.of(environ), framing.length, keeps)


class _Source:
    """A head as gunicorn reads it: from a socket."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def recv(self, _: int) -> bytes:
        said, self._head = self._head, b""
        return said


class Front:
    """Answers whole requests at the hot paths."""

    def __init__(self, hot: Hot, cfg: Any, bounds: Bounds) -> None:  # noqa: ANN401  gunicorn's
        self._heads = Heads(cfg, bounds)
        # A line of the access log is written by gunicorn from its own objects.
        self.answers = not cfg.accesslog
        self._hot = hot
        self._most = bounds.max_head_bytes
        self._second = 0.0
        """As it is compared with the moment of each answer."""
        self._begin = b""
        self._usual = (b"", b"")

    def parts(self, said: bytes) -> tuple[Head, bytes] | None:
        """Divide a request into what its head says and its body; None where it is not for us."""
        if not self.answers or (found := said.find(_END_OF_HEAD, 0, self._most)) < 0:
            return None
        end = found + len(_END_OF_HEAD)
        head = self._heads.look(said[:end])
        return None if head is None or len(said) != end + head.length else (head, said[end:])

    def moment(self) -> datetime | None:
        """Return the present moment, at which requests that have come are answered here.

        None where none can be.
        """
        return self._hot.moment() if self.answers else None

    def answer_here(self, head: Head, body: bytes, moment: datetime) -> Told | None:
        """Answer in the thread of all connections; None where others would wait too long.

        Its lines are still to be logged.
        """
        if len(body) > MOST_BODY_BYTES:
            return None
        return self._hot.answer_briefly(head.path, head.fields, body, moment)

    def answer(self, head: Head, body: bytes) -> Told:
        """Answer in a thread of its own, however long it takes."""
        return self._hot.answer(head.path, head.fields, body)

    def logged(self, lines: Sequence[bytes]) -> Told | None:
        """Write the lines of answers to the decision log.

        Return what is told in place of each of them where they must not go out.
        """
        return self._hot.written(lines)

    def written(self, told: Told, *, keep: bool) -> bytes:
        """Write an answer as gunicorn writes those of Flask."""
        status, fields, body = told.status, told.fields, told.body
        moment = time()
        if not self._second <= moment < self._second + 1.0:
            self._begin_second(int(moment))
        if fields is PLAIN and status == OK:
            length = len(body)
            end = _ENDS[length] if length < _USUAL_BYTES else b"%d\r\n\r\n" % length
            return self._usual[keep] + end + body
        head = self._head(status, fields, keep=keep)
        if status == HTTPStatus.NOT_MODIFIED:
            return head + b"\r\n"
        return b"%b%b%d\r\n\r\n%b" % (head, _LENGTH, len(body), body)

    def _begin_second(self, second: int) -> None:
        date = formatdate(second, usegmt=True)
        self._begin = f"Server: gunicorn\r\nDate: {date}\r\n".encode("ascii")
        close, keep = (self._head(HTTPStatus.OK, PLAIN, keep=keep) for keep in (False, True))
        self._usual = (close + _LENGTH, keep + _LENGTH)
        self._second = float(second)

    def _head(self, status: int, fields: Iterable[tuple[str, str]], *, keep: bool) -> bytes:
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase.upper()}\r\n"
        rest = "".join(f"{name}: {value}\r\n" for name, value in fields)
        connection = "keep-alive" if keep else "close"
        return b"%b%bConnection: %b\r\n%b" % (
            first.encode("ascii"),
            self._begin,
            connection.encode("ascii"),
            rest.encode("latin-1"),
        )
