"""Requests of reverse proxies: each dialect says in its own way what the client asked for.

An endpoint reads the header fields of its dialect alone, and refuses those of the others: a client
may send them, and a proxy of another dialect passes them on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sidecar.http.freshness import MAX_AGE_HEADER, MIN_REVISION_HEADER
from sidecar.http.message import RequestHead
from sidecar.routes.target import METHOD_OVERRIDES

CREDENTIALS = b"x-sidecar-authorization"
"""The field with the token of the proxy."""

SUBJECT_TYPE = "X-Auth-Subject-Type"
SUBJECT = "X-Auth-Subject"
OBLIGATIONS = "X-Auth-Obligations"
DECISION_ID = "X-Auth-Decision-Id"


class GatewayRequestError(Exception):
    """A request that no proxy of its dialect sends, or that others could read differently."""


class Original(NamedTuple):
    """What the client asked for."""

    method: str
    target: bytes


class Dialect(NamedTuple):
    """How one kind of proxy tells the request of its client."""

    name: str
    method: bytes = b""
    """The field with the method; empty where the request itself has the method and the target."""
    target: bytes = b""
    """The field with the path and the query."""

    def fields(self) -> Iterable[bytes]:
        """Return its own fields."""
        return filter(None, (self.method, self.target))


ENVOY = "/v1/gateway/envoy"
"""Envoy appends the path of its client."""

_CADDY = (b"x-forwarded-method", b"x-forwarded-uri")

DIALECTS: Mapping[str, Dialect] = {
    "/v1/gateway/nginx": Dialect("nginx", b"x-original-method", b"x-original-uri"),
    "/v1/gateway/caddy": Dialect("caddy", *_CADDY),
    "/v1/gateway/traefik": Dialect("traefik", *_CADDY),
    ENVOY: Dialect("envoy"),
}
"""By endpoint."""

_FORGEABLE = frozenset(
    {
        # What the service behind the proxy takes for ours.
        *(each.lower().encode() for each in (SUBJECT_TYPE, SUBJECT, OBLIGATIONS, DECISION_ID)),
        # What frameworks take for the path or the method of the request.
        b"x-original-url",
        b"x-original-path",
        b"x-rewrite-url",
        b"x-forwarded-path",
        b"x-http-path-override",
        *(each.encode() for each in METHOD_OVERRIDES),
        # Demands of our own callers, which a proxy does not make.
        MAX_AGE_HEADER,
        MIN_REVISION_HEADER,
    }
)
_FIELDS = frozenset(name for dialect in DIALECTS.values() for name in dialect.fields())
_REFUSED = {
    endpoint: (_FIELDS - frozenset(dialect.fields())) | _FORGEABLE
    for endpoint, dialect in DIALECTS.items()
}
_NAMED = _FIELDS | _FORGEABLE | {CREDENTIALS}


def credentials(endpoint: str, head: RequestHead) -> bytes | None:
    """Return how a caller shows who it is; `Authorization` at a gateway is that of its client."""
    return head.headers.get(CREDENTIALS) if endpoint in DIALECTS else head.authorization()


def original_request(endpoint: str, head: RequestHead) -> Original:
    """Return what the client of a proxy asked for.

    Args:
        endpoint: One of `DIALECTS`.
        head: Of the proxy's request.

    Raises:
        GatewayRequestError: It carries fields that its dialect does not, or one of these twice, or
            lacks one.
    """
    refused = _REFUSED[endpoint]
    for name in head.headers:
        if name in refused:
            raise GatewayRequestError(f"carries `{name.decode('latin-1')}`")
        if b"_" in name and name.replace(b"_", b"-") in _NAMED:
            # CGI and WSGI take it for the field with dashes.
            raise GatewayRequestError(f"carries `{name.decode('latin-1')}`")
    dialect = DIALECTS[endpoint]
    if not dialect.method:
        return _appended(head)
    method, target = (_single(head, name) for name in dialect.fields())
    return Original(method.decode("latin-1"), target)


def _single(head: RequestHead, name: bytes) -> bytes:
    value = head.headers.get(name)
    if value is None:
        raise GatewayRequestError(f"lacks `{name.decode()}`")
    if name in head.repeated:
        raise GatewayRequestError(f"carries `{name.decode()}` twice")
    return value


def _appended(head: RequestHead) -> Original:
    prefix = ENVOY.encode()
    if not head.target.startswith(prefix + b"/"):
        raise GatewayRequestError("has no path behind that of the endpoint")
    return Original(head.method, head.target[len(prefix) :])
