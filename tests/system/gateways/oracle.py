"""Who may do what with the service of these tests, written by hand, and what a service may read.

Shares nothing with the sidecar: no templates are matched here, and no policy is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.system.gateways.upstream import Received

PERMITTED = {
    (b"GET", b"/projects"): {"ana", "bob", "cy", "dan", "root"},
    (b"GET", b"/projects/alpha"): {"ana", "bob", "cy"},
    (b"PUT", b"/projects/alpha"): {"ana", "bob"},
    (b"DELETE", b"/projects/alpha"): {"ana"},
    (b"GET", b"/projects/alpha/members"): {"ana", "bob"},
    (b"POST", b"/projects/alpha/members"): {"ana"},
    (b"GET", b"/projects/beta"): {"cy", "dan"},
    (b"PUT", b"/projects/beta"): {"dan"},
    (b"DELETE", b"/projects/beta"): {"dan"},
    (b"GET", b"/projects/beta/members"): {"dan"},
    (b"POST", b"/projects/beta/members"): {"dan"},
    (b"GET", b"/reports/yearly"): {"root"},
    (b"POST", b"/reports"): {"root"},
}
"""Method and path to the subjects that may use them; nobody may use any other.

ana owns alpha, bob edits it, cy views both projects, dan owns beta, root reads and writes reports.
mallory has signed up at the proxy, and the facts do not know her.
"""
SUBJECTS = ("ana", "bob", "cy", "dan", "root", "mallory")

OBLIGATIONS = {b"DELETE": b"confirm"}
"""Method to what the service has to see to; nothing for the others."""
REMOVED = {
    b"x-original-method",
    b"x-original-uri",
    b"x-original-url",
    b"x-original-path",
    b"x-rewrite-url",
    b"x-forwarded-method",
    b"x-forwarded-uri",
    b"x-forwarded-path",
    b"x-forwarded-prefix",
    b"x-forwarded-port",
    b"x-forwarded-server",
    b"forwarded",
    b"x-http-method-override",
    b"x-http-method",
    b"x-http-path-override",
    b"x-method-override",
    b"x-sidecar-authorization",
    b"x-user-id",
    b"upgrade",
    b"http2-settings",
}
"""Fields that must not reach the service, whoever sets them."""


def may(subject: str, method: bytes, path: bytes) -> bool:
    """Return whether the subject may do this."""
    return subject in PERMITTED.get((method, path), ())


def faults(received: Received, subject: str) -> Iterator[str]:
    """Yield what is wrong with a request that reached the service on behalf of a subject."""
    match received.line.split(b" "):
        case [method, target, b"HTTP/1.1" | b"HTTP/1.0"]:
            for path in sorted(readings(target)):
                if not may(subject, method, path):
                    yield f"{subject} may not {method!r} {path!r}"
        case _:
            yield f"{received.line!r} is no request line"
    yield from _head_faults(received)
    yield from _field_faults(received, subject)


def _field_faults(received: Received, subject: str) -> Iterator[str]:
    """Yield the fields that the proxy or the sidecar did not set, and should have."""
    names = [canonical(name) for name, _ in received.fields]
    for name in sorted(REMOVED.intersection(names)):
        yield f"{name!r} was not removed"
    if received.trailers:
        # Some services take them for fields of the head.
        yield f"trailers {received.trailers!r}"
    method = received.line.partition(b" ")[0]
    expected = {
        b"x-auth-subject-type": b"user",
        b"x-auth-subject": subject.encode(),
        b"x-auth-obligations": OBLIGATIONS.get(method, b"-"),
    }
    for name in (*expected, b"x-auth-decision-id"):
        values = received.values(name)
        if names.count(name) != 1 or len(values) != 1:
            yield f"{name!r} is not there once"
        elif values[0] != expected.get(name, values[0]) or b"forged" in values[0]:
            yield f"{name!r} is forged"
    if any(b"forged" in value for value in received.values(b"x-forwarded-host")):
        yield "the host is forged"
    if any(b"forged" in value for value in received.values(b"x-forwarded-proto")):
        yield "the scheme is forged"


def _head_faults(received: Received) -> Iterator[str]:
    """Yield what two readers of the same head could read differently."""
    lines = received.lines
    if any(re.search(rb"[\0-\x08\x0a-\x1f\x7f]", line) for line in (received.line, *lines)):
        yield "control characters in the head"
    if any(not re.match(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:", line) for line in lines):
        yield "a line of the head is no field"
    lengths, codings = received.values(b"content-length"), received.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
        yield "the end of the body is not clear"
    if any(not length.isdigit() for length in lengths):
        yield "the length of the body is no number"
    if len(received.values(b"host")) != 1:
        yield "there is not one host"


def canonical(name: bytes) -> bytes:
    """Return the name that the most careless reader makes of a header field's name."""
    return re.sub(rb"[^a-z0-9]", b"-", name.strip().lower())


def readings(target: bytes) -> set[bytes]:
    """Return every path that a service could read from a request target."""
    paths = {target.partition(b"?")[0]}
    while more := {step(path) for path in paths for step in _STEPS} - paths:
        paths |= more
    return paths


def _without_authority(path: bytes) -> bytes:
    return re.sub(rb"^[a-z][a-z0-9+.-]*:/*[^/]*", b"", path, flags=re.IGNORECASE)


def _decoded(path: bytes) -> bytes:
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), path)


def _ascii(path: bytes) -> bytes:
    """Read overlong UTF-8, and code points of full width, as the ASCII characters they resemble."""
    path = re.sub(
        rb"[\xc0\xc1]([\x80-\xbf])|\xe0([\x80-\xbf])([\x80-\xbf])",
        lambda found: bytes([(found[0][-1] & 0x3F) | ((found[0][-2] & 0x01) << 6)]),
        path,
    )
    return path.replace("\uff0e".encode(), b".").replace("\uff0f".encode(), b"/")


def _without_dot_segments(path: bytes) -> bytes:
    kept: list[bytes] = []
    segments = path.split(b"/")
    for place, segment in enumerate(segments):
        if segment not in {b".", b".."}:
            kept.append(segment)
            continue
        if segment == b".." and len(kept) > 1:
            kept.pop()
        if place == len(segments) - 1:
            kept.append(b"")
    return b"/".join(kept)


_STEPS = (
    _without_authority,
    _decoded,
    _ascii,
    _without_dot_segments,
    lambda path: re.split(rb"[?#]", path)[0],
    lambda path: path.partition(b"\0")[0],
    lambda path: re.sub(rb";[^/]*", b"", path),
    lambda path: path.replace(b"\\", b"/"),
    lambda path: re.sub(rb"/+", b"/", path),
    lambda path: path.rstrip(b"/. \t") or b"/",
    bytes.lower,
)
