"""The trace of a request, by the header `traceparent` (W3C Trace Context, version 00 and later)."""

from __future__ import annotations

import re

TRACEPARENT = b"traceparent"
"""The header, in lower case."""

_VALUE = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


def trace_id_of(traceparent: bytes) -> bytes | None:
    """Return the trace id of a header field, 32 hexadecimal digits; None if the field is invalid.

    A later version may have more members behind those of version 00 (section 3.2.4).
    """
    match = _VALUE.fullmatch(traceparent)
    if match is None or (match[1] == b"00" and match[3] is not None):
        return None
    return match[2]
