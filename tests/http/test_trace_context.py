"""Which values of `traceparent` name a trace: W3C Trace Context, section 3.2."""

from __future__ import annotations

import pytest

from sidecar.http.trace_context import trace_id_of

TRACE, PARENT = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"


@pytest.mark.parametrize(
    "value",
    [
        b"00-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-00" % (TRACE, PARENT),
        b"00-%b-%b-ff" % (TRACE, PARENT),
        b"01-%b-%b-01" % (TRACE, PARENT),
        b"cc-%b-%b-01-what-the-future-brings" % (TRACE, PARENT),
        b"fe-%b-%b-01-" % (TRACE, PARENT),
    ],
)
def test_a_valid_header_names_a_trace(value: bytes) -> None:
    assert trace_id_of(value) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        b"",
        TRACE,
        b"00-%b-%b" % (TRACE, PARENT),
        b"00-%b-%b-01-more" % (TRACE, PARENT),
        b"00-%b-%b-01-" % (TRACE, PARENT),
        b"00-%b-%b-01\n" % (TRACE, PARENT),
        b"01-%b-%b-01\n-x" % (TRACE, PARENT),
        b"01-%b-%b-01x" % (TRACE, PARENT),
        b"cc-%b-%b-01.what" % (TRACE, PARENT),
        b"ff-%b-%b-01" % (TRACE, PARENT),
        b"0-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-01" % (b"0" * 32, PARENT),
        b"00-%b-%b-01" % (TRACE, b"0" * 16),
        b"00-%b-%b-01" % (TRACE.upper(), PARENT),
        b"00-%b-%b-01" % (TRACE, PARENT.upper()),
        b"FE-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-0A" % (TRACE, PARENT),
        b"00-%b-%b-01" % (TRACE[1:], PARENT),
        b"00-%b-%b-01" % (TRACE + b"0", PARENT),
        b"00-%b-%b-01" % (TRACE[1:] + b"g", PARENT),
        b"00-%b-%b-01" % (TRACE, PARENT[1:]),
        b" 00-%b-%b-01" % (TRACE, PARENT),
        b"00-%b-%b-01,00-%b-%b-01" % (TRACE, PARENT, TRACE, PARENT),
    ],
)
def test_an_invalid_header_names_none(value: bytes) -> None:
    assert trace_id_of(value) is None
