"""Answers that hold until a known instant, kept by the bytes of their requests.

Most requests come again, byte for byte. What is answered from one policy and one snapshot changes
only where the moment passes an instant that a rule compares it with (`Decision.valid`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import TypeAlias

from msgspec import Struct
from werkzeug.http import parse_etags

from sidecar.decision_log import Entry, Line
from sidecar.http.message import COMMON_HEADERS, JSON_HEADERS, OK, Headers, RequestHead, Response
from sidecar.metrics.counters import Tally
from sidecar.metrics.layout import NOTHING
from sidecar.model import Window
from sidecar.reload import Pair

MAX_ANSWERS = 16_384
"""Answers that are kept, 1 to 3 KB each with their keys and log entries; then all are dropped."""

MAX_KEY_BYTES = 512

CacheKey: TypeAlias = tuple[str | bytes, ...]
"""The endpoint, and all bytes of the request that the answer depends on. Bytes that are well-formed
at one endpoint can be malformed at another."""


class Answer(Struct, frozen=True, gc=False):
    """What an endpoint answers to a request, but for what differs from one time to the next."""

    prefix: bytes
    """The body up to the decision id; all of it where it has none."""
    suffix: bytes = b""
    """The body behind the decision id."""
    allowed: bool | None = None
    """None of what is no decision, and has no id in the log."""
    entry: Entry | None = None
    """For the decision log; None where there is none."""
    headers: Headers = JSON_HEADERS
    etag: str = ""
    cell: int = NOTHING
    """The cell of the metrics that counts it when it comes from the cache; the one before counts
    it when it has just been made."""
    valid: Window | None = None
    """Between these instants the same request has this answer; None where that is not known."""

    def body(self, identifier: bytes) -> bytes:
        """Return the body of the response."""
        return self.prefix + identifier + self.suffix if self.suffix else self.prefix

    def response(
        self,
        identifier: bytes,
        head: RequestHead,
        log_lines: Sequence[Line],
        counted: int | Tally,
    ) -> Response:
        """Return the response, which is a 304 to a caller that has this very body."""
        if self.etag and head.if_none_match is not None:
            known = parse_etags(head.if_none_match)
            if not known.star_tag and known.contains_weak(self.etag):
                return Response(HTTPStatus.NOT_MODIFIED, self.headers[1:], b"", log_lines, counted)
        return Response(OK, self.headers, self.body(identifier), log_lines, counted)


def validated(body: bytes, entry: Entry | None, cell: int, valid: Window | None) -> Answer:
    """Return an answer that callers keep, and ask each time whether it still holds."""
    etag = sha256(body).hexdigest()[:32]
    headers = (JSON_HEADERS[0], ("ETag", f'"{etag}"'), *_VALIDATED)
    return Answer(body, entry=entry, headers=headers, etag=etag, cell=cell, valid=valid)


_VALIDATED = (("Cache-Control", "private, no-cache"), *COMMON_HEADERS)


class AnswerCache:
    """The answers that were made from one policy and one snapshot."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self._answers: dict[CacheKey, Answer] = {}

    def get(self, key: CacheKey, now: datetime) -> Answer | None:
        """Return the answer to a request, if it is known and still holds."""
        answer = self._answers.get(key)
        if answer is None or answer.valid is None:
            return None
        since, until = answer.valid
        return answer if since < now < until else None

    def get_all(self, keys: Iterable[CacheKey], now: datetime) -> list[Answer | None]:
        """Return the answers to several requests, as `get` does."""
        return [
            answer
            if answer is not None and answer.valid and answer.valid[0] < now < answer.valid[1]
            else None
            for answer in map(self._answers.get, keys)
        ]

    def put(self, key: CacheKey, answer: Answer) -> None:
        """Keep an answer, unless it may change at any moment or its key is long."""
        if answer.valid is None or len(key[-1]) + len(key[-2]) > MAX_KEY_BYTES:
            return
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.clear()
        self._answers[key] = answer
