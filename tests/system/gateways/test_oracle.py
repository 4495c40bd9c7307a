"""The oracle itself: what it takes a service for, and what it finds."""

from __future__ import annotations

import pytest

from tests.system.gateways.oracle import faults, readings
from tests.system.gateways.upstream import Received

CLEAN = Received(
    b"GET /projects/alpha?a=/../b HTTP/1.1",
    (
        b"Host: projects.example",
        b"X-Auth-Subject-Type: user",
        b"X-Auth-Subject: bob",
        b"X-Auth-Obligations: -",
        b"X-Auth-Decision-Id: 1",
    ),
)


@pytest.mark.parametrize(
    "target",
    [
        b"/reports/yearly/..;/..;/projects/alpha",
        b"/projects%2falpha",
        b"/projects%252falpha",
        b"//projects//alpha/",
        b"/projects/%c0%ae/alpha",
        b"/projects\\alpha",
        b"http://forged.example/Projects/alpha",
        b"/projects/alpha%00/members",
        b"/projects/alpha%3f/members",
        b"/projects/alpha;v=1/.",
    ],
)
def test_careless_service_reads_the_path_that_is_hidden(target: bytes) -> None:
    assert {target, b"/projects/alpha"} <= readings(target)


def test_clean_request_has_no_faults() -> None:
    assert list(faults(CLEAN, "bob")) == []


@pytest.mark.parametrize(
    ("subject", "line", "lines", "fault"),
    [
        ("cy", b"DELETE /projects/alpha HTTP/1.1", CLEAN.lines, "cy may not b'DELETE'"),
        ("bob", b"GET /projects/alpha/. HTTP/1.1", CLEAN.lines, "bob may not b'GET'"),
        ("bob", b"GET /projects/alpha x HTTP/1.1", CLEAN.lines, "is no request line"),
        ("cy", CLEAN.line, CLEAN.lines, "b'x-auth-subject' is forged"),
        ("bob", CLEAN.line, CLEAN.lines[:2] + CLEAN.lines[3:], "is not there once"),
        ("bob", CLEAN.line, (*CLEAN.lines, b"X_Auth_Subject: ana"), "is not there once"),
        ("bob", CLEAN.line, (*CLEAN.lines, b"X-Rewrite-URL: /"), "was not removed"),
        ("bob", CLEAN.line, (*CLEAN.lines, b" X-Auth-Subject: ana"), "is no field"),
        ("bob", CLEAN.line, (*CLEAN.lines, b"a: \rX-Auth-Subject: ana"), "control characters"),
        ("bob", CLEAN.line, (*CLEAN.lines, b"Content-Length: +1"), "is no number"),
        ("bob", CLEAN.line, (*CLEAN.lines, b"Host: b"), "there is not one host"),
        (
            "bob",
            CLEAN.line,
            (*CLEAN.lines, b"Content-Length: 1", b"Transfer-Encoding: chunked"),
            "the end of the body is not clear",
        ),
    ],
)
def test_fault_is_found(subject: str, line: bytes, lines: tuple[bytes, ...], fault: str) -> None:
    assert any(fault in found for found in faults(Received(line, lines), subject))
