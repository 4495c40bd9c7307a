"""The trace of a request, by the header `traceparent` (W3C Trace Context, version 00 and later)."""

from __future__ import annotations

import re

TRACEPARENT = b"traceparent"
"""The header, in lower case."""

_USUAL = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
"""Matches a field of version 00; without groups, which cost as much as the rest."""
_TRACE_ID = slice(3, 35)

_LATER = re.compile(
    rb"(?!00|ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
).fullmatch
"""Matches one of a later version, which may have more members behind (section 3.2.4)."""


def trace_id_of(traceparent: bytes) -> bytes | None:
    """Return the trace id of a header field, 32 hexadecimal digits; None if it is invalid."""
    if _USUAL(traceparent):
        return traceparent[_TRACE_ID]
    match = _LATER(traceparent)
    return None if match is None else match[1]
