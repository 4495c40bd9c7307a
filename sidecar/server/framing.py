"""Where one request ends in what a caller has sent so far.

This is the first of two opinions. The bytes up to the end found here, and no others, are then given
to gunicorn's parser; when it finds another end, the request is refused and the connection closed.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from sidecar.server.bounds import Bounds

MAX_CHUNKS = 4096
"""Pieces of one body: each of them costs more to read than to send."""

MAX_OVERHEAD = 64 * 1024
"""Bytes of such a body that are not the body itself: what a caller adds is kept until it ends."""

_MAX_CHUNK_LINE = 1024
_MAX_TRAILERS = 8 * 1024

_BREAK = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_BARE_BREAK = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_METHOD = re.compile(rb"[A-Z]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?", re.DOTALL)


class Outcome(Enum):
    """What there is of a request."""

    MORE = auto()
    """It has not ended yet."""
    WHOLE = auto()
    LONG_HEAD = auto()
    LONG_BODY = auto()
    UNCLEAR = auto()
    """Two readers could find two ends, or it is no HTTP at all."""


class Framing:
    """Finds the end of one request that arrives in pieces; nothing is looked at twice."""

    def __init__(self, bounds: Bounds) -> None:
        self.end = 0
        """Where the request ends when it is whole, else where its head does."""
        self.expects_continue = False
        """Whether the caller waits for a word before it sends the body."""
        self._bounds = bounds
        self._looked = 0
        self._length: int | None = None
        self._chunk = 0
        self._chunks = 0
        self._total = 0

    @property
    def length(self) -> int | None:
        """Return the length that a whole head gives for the body; None where it gives none."""
        return self._length

    def look(self, received: bytearray) -> Outcome:
        """Tell what there is of the request now."""
        if not self.end and (outcome := self._head(received)) is not Outcome.WHOLE:
            return outcome
        if self._length is None:
            return self._pieces(received)
        if self._length > self._bounds.max_body_bytes:
            return Outcome.LONG_BODY
        if len(received) < self.end + self._length:
            return Outcome.MORE
        self.end += self._length
        self._length = 0
        return Outcome.WHOLE

    def _head(self, received: bytearray) -> Outcome:
        most = self._bounds.max_head_bytes
        # One empty line before a request is what some callers send after a body.
        begin = len(_BREAK) if received.startswith(_BREAK) else 0
        if len(received) > begin and received != _BREAK[:1] and not _METHOD.match(received, begin):
            return Outcome.UNCLEAR
        found = received.find(_END_OF_HEAD, max(begin, self._looked - 3), begin + most)
        if found < 0:
            if _BARE_BREAK.search(received, max(0, self._looked - 1)):
                return Outcome.UNCLEAR
            self._looked = len(received)
            return Outcome.LONG_HEAD if len(received) > begin + most else Outcome.MORE
        self.end = found + len(_END_OF_HEAD)
        return self._fields(bytes(received[begin:found]))

    def _fields(self, head: bytes) -> Outcome:
        if _BARE_BREAK.search(head):
            return Outcome.UNCLEAR
        lengths, codings = [], []
        for line in head.split(_BREAK)[1:]:
            name, _, value = line.partition(b":")
            name, value = name.strip().lower(), value.strip(b" \t").lower()
            if name == b"content-length":
                lengths.append(value)
            elif name == b"transfer-encoding":
                codings.append(value)
            elif name == b"expect":
                self.expects_continue = value == b"100-continue"
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
            return Outcome.UNCLEAR
        if lengths and not _LENGTH.fullmatch(lengths[0]):
            return Outcome.UNCLEAR
        if codings:
            self._chunk = self.end
        else:
            self._length = int(lengths[0]) if lengths else 0
        return Outcome.WHOLE

    def _pieces(self, received: bytearray) -> Outcome:
        while True:
            line_end = received.find(_BREAK, self._chunk, self._chunk + _MAX_CHUNK_LINE)
            if line_end < 0:
                long = len(received) - self._chunk >= _MAX_CHUNK_LINE
                return Outcome.UNCLEAR if long else Outcome.MORE
            said = _SIZE.fullmatch(received, self._chunk, line_end)
            if not said:
                return Outcome.UNCLEAR
            size = int(said[1], 16)
            if not size:
                return self._trailers(received, line_end)
            overhead = line_end - self.end - self._total
            if self._chunks >= MAX_CHUNKS or overhead > MAX_OVERHEAD:
                return Outcome.LONG_BODY
            if self._total + size > self._bounds.max_body_bytes:
                return Outcome.LONG_BODY
            after = line_end + len(_BREAK) + size
            if len(received) < after + len(_BREAK):
                return Outcome.MORE
            if received[after : after + len(_BREAK)] != _BREAK:
                return Outcome.UNCLEAR
            self._chunk = after + len(_BREAK)
            self._total += size
            self._chunks += 1

    def _trailers(self, received: bytearray, line_end: int) -> Outcome:
        # The line of the last piece ends, and so does the section that may follow it.
        found = received.find(_END_OF_HEAD, line_end, line_end + _MAX_TRAILERS)
        if found < 0:
            long = len(received) - line_end >= _MAX_TRAILERS
            return Outcome.UNCLEAR if long else Outcome.MORE
        self.end = found + len(_END_OF_HEAD)
        self._length = 0
        return Outcome.WHOLE
