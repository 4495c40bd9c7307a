"""The time, the request id and the trace id of lines: many lines in a row share them."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from sidecar.decision_log.json_text import quote
from sidecar.diagram.questions import text_of


def instant(moment: datetime) -> str:
    """Write a moment in UTC by RFC 3339."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Stamp(Struct, frozen=True, gc=False):
    """What all lines of one HTTP request share, as it is written."""

    members: bytes
    """Between the kind or the decision id of a line and what was decided."""
    now: bytes
    """The moment as policies see it (`text_of`)."""


class Stamps:
    """Writes stamps in UTC; equal moments are written once."""

    def __init__(self) -> None:
        self._second = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), b"")
        """Its first and its last moment, and what all between them begin with."""
        now = datetime.min.replace(tzinfo=UTC)
        self._last = (now, *self._written(now))

    def stamp(self, now: datetime, request_id: str | None, trace_id: bytes | None = None) -> Stamp:
        """Return the stamp of the lines of one request.

        Args:
            now: The moment of its decisions.
            request_id: As the caller sent it; None where it sent none.
            trace_id: 32 hexadecimal digits; None where the request belongs to no trace.
        """
        last = self._last
        if last[0] is not now:
            last = self._last = (now, *self._written(now))  # at once: threads write too
        _, prefix, anonymous = last
        if request_id is None and trace_id is None:
            return anonymous
        request = b"null" if request_id is None else quote(request_id)
        trace = b"null" if trace_id is None else b'"%b"' % trace_id
        return Stamp(b'%b%b,"trace_id":%b,' % (prefix, request, trace), anonymous.now)

    def _written(self, now: datetime) -> tuple[bytes, Stamp]:
        """Return what stands before the request id, and the stamp of a request without ids."""
        first, last, prefix = self._second
        if not first <= now <= last:
            first, last = now.replace(microsecond=0), now.replace(microsecond=999_999)
            prefix = instant(first).removesuffix("000000Z").encode("ascii")
            self._second = first, last, prefix  # likewise
        digits = prefix + b"%06d" % now.microsecond
        text = digits + b"+00:00" if now.microsecond else text_of(now).encode("ascii")
        members = b'","time":"' + digits + b'Z","request_id":'
        return members, Stamp(members + b'null,"trace_id":null,', text)
