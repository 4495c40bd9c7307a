"""Header fields, methods and queries that a client may send."""

from __future__ import annotations

from tests.system.gateways.client import Fields, request

FORGED: Fields = [
    (b"X-Auth-Subject", b"ana"),
    (b"X-Auth-Subject-Type", b"service"),
    (b"X-Auth-Obligations", b"none"),
    (b"X-Auth-Decision-Id", b"forged"),
    (b"X-User-Id", b"ana"),
    (b"X-Sidecar-Authorization", b"Bearer forged"),
    (b"X-Original-Method", b"GET"),
    (b"X-Original-URI", b"/projects"),
    (b"X-Original-URL", b"/reports/yearly"),
    (b"X-Original-Path", b"/reports/yearly"),
    (b"X-Rewrite-URL", b"/reports/yearly"),
    (b"X-Forwarded-Method", b"GET"),
    (b"X-Forwarded-Uri", b"/projects"),
    (b"X-Forwarded-Host", b"forged.example"),
    (b"X-Forwarded-Proto", b"forged"),
    (b"X-Forwarded-For", b"192.0.2.1"),
    (b"X-Forwarded-Path", b"/reports/yearly"),
    (b"X-Forwarded-Prefix", b"/forged"),
    (b"X-Forwarded-Port", b"1"),
    (b"X-Forwarded-Server", b"forged.example"),
    (b"Forwarded", b"for=192.0.2.1;host=forged.example"),
    (b"X-HTTP-Method-Override", b"DELETE"),
    (b"X-HTTP-Method", b"DELETE"),
    (b"X-HTTP-Path-Override", b"/reports/yearly"),
    (b"X-Method-Override", b"DELETE"),
    (b"Sidecar-Max-Age", b"0"),
    (b"X-Envoy-Original-Path", b"/projects"),
]
"""Header fields that only the proxy or the sidecar may set, and what a client would gain by."""

SPELLINGS = (
    b"%(dashed)s: %(value)s",
    b"%(lower)s: %(value)s",
    b"%(upper)s: %(value)s",
    b"%(underscored)s: %(value)s",
    b"%(mixed)s: %(value)s",
    b"%(dotted)s: %(value)s",
    b"%(dashed)s : %(value)s",
    b" %(dashed)s: %(value)s",
    b"%(dashed)s\t: %(value)s",
    b"%(dashed)s:\r\n %(value)s",
    b"X-Harmless: a\r\n\t%(dashed)s: %(value)s",
    b"X-Harmless: a\n%(dashed)s: %(value)s",
    b"X-Harmless: a\r%(dashed)s: %(value)s",
    b"X-Harmless: a\0\r\n%(dashed)s: %(value)s",
    b"%(dashed)s\0: %(value)s",
    b"\x0b%(dashed)s: %(value)s",
    b"\xa0%(dashed)s: %(value)s",
    b"%(dashed)s;: %(value)s",
    b"%(dashed)s: %(value)s\r\n%(dashed)s: %(value)s",
    b"%(dashed)s: \r\n%(lower)s: %(value)s",
    b"%(dashed)s: %(value)s\r\n%(underscored)s: %(value)s",
    b"Connection: %(lower)s, close\r\n%(dashed)s: %(value)s",
    b"Connection: close, %(lower)s",
    b"Connection: close, %(dashed)s\r\n%(dashed)s: %(value)s",
    b"Keep-Alive: %(lower)s\r\nConnection: close, keep-alive, %(lower)s",
    b"TE: trailers\r\nTrailer: %(dashed)s",
)
"""Ways to write a field, for readers that are careless each in another way."""


def spelled(spelling: bytes, name: bytes, value: bytes) -> bytes:
    """Return the lines of a field that is written in one of these ways."""
    return spelling % {
        b"dashed": name,
        b"lower": name.lower(),
        b"upper": name.upper(),
        b"underscored": name.replace(b"-", b"_"),
        b"mixed": name.replace(b"-", b"_", 1),
        b"dotted": name.replace(b"-", b"."),
        b"value": value,
    }


def with_lines(method: bytes, target: bytes, fields: Fields, lines: bytes) -> bytes:
    """Return a request with lines in its head that are no clean fields."""
    head, end, _ = request(method, target, fields).partition(b"\r\nConnection: close\r\n\r\n")
    if b"connection:" in lines.lower():
        end = b"\r\n\r\n"
    return b"\r\n".join([head, b"Accept: */*", lines]) + end


CLEAN = (
    b"",
    b"?",
    b"?page=2&sort=name",
    b"?next=/../reports/yearly",
    b"?next=%2e%2e%2freports",
    b"?a=/projects/beta;b=//",
    b"?a?b",
    b"?q=%00%0d%0aX",
)
"""Queries, which change nothing of what is authorized."""

METHODS = (
    b"get",
    b"delete",
    b"Delete",
    b"GET\t",
    b"\tDELETE",
    b"GETX",
    b"HEAD",
    b"OPTIONS",
    b"TRACE",
    b"TRACK",
    b"PATCH",
    b"POST",
    b"PROPFIND",
    b"PURGE",
    b"CONNECT",
    b"DEBUG",
    b"QUERY",
    b"GET,DELETE",
    b"D\xc3\x89LETE",
    b"\0GET",
    b"",
)
"""Methods for which no route stands in `routes.yaml`."""
