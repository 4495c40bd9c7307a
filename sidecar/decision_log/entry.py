"""Entries: lines of the log, but for what differs when the same answer is given again.

That is the number of the line, the decision id, the time and the ids of the request, and the moment
wherever a rule looked at it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from msgspec import Struct

from sidecar.decision_log.json_text import encode
from sidecar.diagram.path_text import show
from sidecar.diagram.paths import NOW

DECISION = b',"kind":"decision","decision_id":"'
"""What follows the number of the line of a decision; its id is next."""
GATEWAY = b',"kind":"gateway","decision_id":"'
"""The same of a request at a gateway that no policy decided."""
PERMISSIONS = b',"kind":"permissions'
SEARCH = b',"kind":"search'

END = b"\n"
"""Of a line."""


class Entry(Struct, frozen=True, gc=False):
    """What a line says of one request and its answer."""

    prefix: bytes
    """The kind of the line, up to the decision id if it has one."""
    parts: tuple[bytes, ...]
    """The members that follow the stamp; the moment stands between each two of them."""
    digest: bytes
    """The hash of these members without the moment, 32 bytes; empty if it depends on the moment,
    and the entry does not hold for the same answer at another one."""

    @property
    def is_lasting(self) -> bool:
        """Whether it holds for the same answer at another moment."""
        return bool(self.digest)


def entry_of(prefix: bytes, members: Mapping[str, Any]) -> Entry:
    """Return the entry of an answer that was made from no moment."""
    written = _written(members)
    return Entry(prefix, (written,), sha256(written).digest())


def entry_of_decision(members: Mapping[str, Any]) -> Entry:
    """Return the entry of a decision, whose `facts` may hold the moment."""
    facts = [_without_moment(fact) for fact in members["facts"]]
    moments = [fact for fact in facts if fact.get("value") == _NOW]
    text = _written({**members, "facts": facts})
    parts = tuple(text.split(_PLACEHOLDER))
    # A hash of the moment has no placeholder, and a caller can send what looks like one, or like
    # a fact about the moment.
    if len(parts) - 1 != len(moments) or text.count(_FACT) != len(moments):
        return Entry(DECISION, (_written(members),), b"")
    return Entry(DECISION, parts, sha256(_LEFT_OUT.join(parts)).digest())


def hash_input(line: bytes) -> bytes:
    """Return what is hashed of a line, its own hash left out."""
    at = line.find(b',"revisions":') + 1  # a text that a caller sent has no such quotes
    if not at:
        return line
    begin, members = line[:at], line[at:]
    time = _TIME.search(begin) if DECISION in begin else None
    if time is None:
        return begin + sha256(members).digest()
    return begin + digest_of_decision(members, time[1].removesuffix(b".000000") + b"+00:00")


_TIME = re.compile(rb'"time":"([^"]*)Z"')


def digest_of_decision(written: bytes, now: bytes) -> bytes:
    """Return the hash of the members of a decision without the moment, as in its entry.

    Args:
        written: From `revisions` to the end of the line.
        now: The moment as policies see it (`text_of`).
    """
    fact = b'%b%b"' % (_FACT, now)
    return sha256(written.replace(fact, b'%b%b"' % (_FACT, _LEFT_OUT))).digest()


_NOW = show(NOW)
_MOMENT = "\0the moment\0"
"""Stands for the moment until it is known."""
_PLACEHOLDER = encode(_MOMENT)[1:-1]
_FACT = b'{"value":"%b","type":"instant","text":"' % _NOW.encode("ascii")
"""What the fact about the moment begins with."""
_LEFT_OUT = b"\0"
"""Stands for the moment in what is hashed; no line has this byte."""


def _without_moment(fact: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fact, "text": _MOMENT} if fact.get("value") == _NOW and "text" in fact else fact


def _written(members: Mapping[str, Any]) -> bytes:
    return encode(members)[1:] + END
