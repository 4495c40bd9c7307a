"""Responses in the bytes of HTTP/1.1."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus
from time import time

from sidecar.http.message import JSON_HEADERS, OK, Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_LENGTH = "Content-Length"
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class ResponseWriter:
    """Writes responses; what most of them share is written once a second."""

    def __init__(self) -> None:
        self._second = 0.0
        self._date = b""
        self._usual = (b"", b"")
        """The head of a usual response without its length, by whether the connection is kept."""

    def write(
        self,
        response: Response,
        request_id: bytes | None = None,
        *,
        keep_alive: bool,
        is_head: bool = False,
    ) -> bytes:
        """Return the bytes of a response.

        Args:
            response: Its status, header fields and body.
            request_id: The id that the caller gave the request: it comes back with the response.
            keep_alive: Whether the connection is kept.
            is_head: Whether the request was a HEAD: then no body is sent.
        """
        now = time()
        if not self._second <= now < self._second + 1.0:
            self._begin_second(int(now))
        body = response.body
        shown = b"" if request_id is None else b"X-Request-ID: %b\r\n" % request_id
        if response.headers is JSON_HEADERS and response.status == OK and not is_head:
            usual = self._usual[keep_alive]
            return b"%b%bContent-Length: %d\r\n\r\n%b" % (usual, shown, len(body), body)
        head = self._head(response.status, response.headers, keep_alive=keep_alive) + shown
        if response.status in _WITHOUT_BODY:
            return head + b"\r\n"
        if not any(name == _LENGTH for name, _ in response.headers):
            head += b"Content-Length: %d\r\n" % len(body)
        return head + b"\r\n" if is_head else b"%b\r\n%b" % (head, body)

    def _begin_second(self, second: int) -> None:
        self._date = f"Server: sidecar\r\nDate: {formatdate(second, usegmt=True)}\r\n".encode()
        close, keep = (self._head(OK, JSON_HEADERS, keep_alive=keep) for keep in (False, True))
        self._usual = (close, keep)
        self._second = float(second)

    def _head(self, status: int, fields: Iterable[tuple[str, str]], *, keep_alive: bool) -> bytes:
        return b"%b%bConnection: %b\r\n%b" % (
            _STATUS_LINES[status],
            self._date,
            b"keep-alive" if keep_alive else b"close",
            _lines(fields),
        )


def _lines(fields: Iterable[tuple[str, str]]) -> bytes:
    return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode("latin-1")


def _status_line(status: HTTPStatus) -> bytes:
    # Capitals, as Flask writes them, but for requests that did not arrive in time.
    phrase = status.phrase
    shown = phrase if status is HTTPStatus.REQUEST_TIMEOUT else phrase.upper()
    return f"HTTP/1.1 {status.value} {shown}\r\n".encode("ascii")


_STATUS_LINES = {status.value: _status_line(status) for status in HTTPStatus}
