"""Entries: lines of the log, but for what differs when the same answer is given again.

That is the decision id, the time and the request id, and the moment wherever a rule looked at it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from sidecar.decision_log.json_text import encode
from sidecar.decision_log.timestamps import Stamp
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import NOW

DECISION = b'{"kind":"decision","decision_id":"'
"""What the line of a decision begins with; its id is next."""
GATEWAY = b'{"kind":"gateway","decision_id":"'
"""The same of a request at a gateway that no policy decided."""
PERMISSIONS = b'{"kind":"permissions'
SEARCH = b'{"kind":"search'

END = b"\n"
"""Of a line."""


class Entry(Struct, frozen=True, gc=False):
    """What a line says of one request and its answer."""

    prefix: bytes
    """The kind of the line, up to the decision id if it has one."""
    parts: tuple[bytes, ...]
    """The members that follow the stamp; the moment stands between each two of them."""
    is_lasting: bool
    """Whether it holds for the same answer at another moment."""

    def line(self, identifier: bytes, stamp: Stamp) -> Sequence[bytes]:
        """Return the line in pieces.

        Args:
            identifier: The id of the decision; empty for a line without one.
            stamp: Of the HTTP request.
        """
        parts = self.parts
        written = parts[0] if len(parts) == 1 else stamp.now.join(parts)
        return (self.prefix, identifier, stamp.members, written)


def entry_of(prefix: bytes, members: Mapping[str, Any]) -> Entry:
    """Return the entry of an answer that was made from no moment."""
    return Entry(prefix, (_written(members),), is_lasting=True)


def entry_of_decision(members: Mapping[str, Any]) -> Entry:
    """Return the entry of a decision, whose `facts` may hold the moment."""
    facts = [_without_moment(fact) for fact in members["facts"]]
    moments = [fact for fact in facts if fact.get("value") == _NOW]
    parts = tuple(_written({**members, "facts": facts}).split(_PLACEHOLDER))
    # A hash of the moment has no placeholder, and a caller can send a text that looks like it.
    if len(parts) - 1 != len(moments) or any("hash" in fact for fact in moments):
        return Entry(DECISION, (_written(members),), is_lasting=False)
    return Entry(DECISION, parts, is_lasting=True)


_NOW = show(NOW)
_MOMENT = "\0the moment\0"
"""Stands for the moment until it is known."""
_PLACEHOLDER = encode(_MOMENT)[1:-1]


def _without_moment(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fact, "text": _MOMENT} if fact.get("value") == _NOW and "text" in fact else fact


def _written(members: Mapping[str, Any]) -> bytes:
    return encode(members)[1:] + END
