"""Moments as lines of the decision log say them: one after the other, many of one second."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from sidecar.decision_log.json_text import encode
from sidecar.diagram.questions import text_of


def instant(moment: datetime) -> str:
    """Write a moment in UTC by RFC 3339."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class Moment(msgspec.Struct, frozen=True, gc=False):
    """What lines say of a moment, as it is written."""

    now: datetime
    text: bytes
    """As the policy saw it (`text_of`)."""
    begun: bytes
    """What all lines of one request say behind their kind or the id of a decision, up to the id
    of the request."""
    unnamed: bytes
    """All of that where the caller gave the request no id."""

    def head(self, request_id: str | None) -> bytes:
        """Return what all lines of one request say so; its id is as the caller said it."""
        return self.unnamed if request_id is None else self.begun + encode(request_id) + b","


class Moments:
    """Writes moments in UTC."""

    def __init__(self) -> None:
        self._second = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC), b"")
        """Its first and its last moment, and what all between them begin with."""
        self.last = self._written(datetime.min.replace(tzinfo=UTC))
        """The moment that was written last."""

    def written(self, now: datetime) -> Moment:
        """Return how `now` is written; requests that came together have the same."""
        last = self.last
        if last.now is not now:
            last = self.last = self._written(now)  # at once: threads write too
        return last

    def _written(self, now: datetime) -> Moment:
        first, last, begin = self._second
        if not first <= now <= last:
            first, last = now.replace(microsecond=0), now.replace(microsecond=999_999)
            begin = instant(first).removesuffix("000000Z").encode("ascii")
            self._second = first, last, begin  # likewise
        digits = begin + b"%06d" % now.microsecond
        text = digits + b"+00:00" if now.microsecond else text_of(now).encode("ascii")
        begun = b'","time":"' + digits + b'Z","request_id":'
        return Moment(now, text, begun, begun + b"null,")
