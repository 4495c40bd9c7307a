"""Requests of reverse proxies, each in its dialect, at the worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sidecar.http import Access
from tests.server.loopback import Loopback, application, loopback, responses

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  it guards nothing
ANA = "x-user-id: ana"
BILLING = "/accounts/acme/billing"


class One:
    """One caller that may ask."""

    reading: object = "one"
    problems = failures = ()

    def holder(self, token: str) -> str | None:
        return "proxy" if token == TOKEN else None


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Loopback]:
    with loopback(application()) as made:
        yield made


@dataclass
class Told:
    """What a proxy is answered."""

    status: int
    fields: dict[str, str]
    body: dict[str, Any]

    @property
    def reasons(self) -> list[str]:
        return [reason["code"] for reason in self.body["reasons"]]


def ask(sidecar: Loopback, path: str, *fields: str, method: str = "GET") -> Told:
    lines = [f"{method} {path} HTTP/1.1", "Host: sidecar", *fields, "", ""]
    ((status, received, body),) = responses(sidecar.exchange("\r\n".join(lines).encode("latin-1")))
    return Told(status, received, json.loads(body) if body else {})


def through(  # one request of a client, as each proxy tells of it
    sidecar: Loopback, proxy: str, method: str, target: str, *fields: str
) -> Told:
    if proxy == "envoy":
        return ask(sidecar, f"/v1/gateway/envoy{target}", *fields, method=method)
    names = ("Original-Method", "Original-URI") if proxy == "nginx" else _FORWARDED
    own = [f"X-{name}: {value}" for name, value in zip(names, (method, target), strict=True)]
    return ask(sidecar, f"/v1/gateway/{proxy}", *own, *fields)


_FORWARDED = ("Forwarded-Method", "Forwarded-Uri")
PROXIES = ["nginx", "caddy", "traefik", "envoy"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_each_dialect_says_what_the_client_asked_for(sidecar: Loopback, proxy: str) -> None:
    allowed = through(sidecar, proxy, "GET", f"{BILLING}?page=2", ANA)
    denied = through(sidecar, proxy, "GET", BILLING, "x-user-id: mallory")
    unknown = through(sidecar, proxy, "POST", BILLING, ANA)

    assert (allowed.status, denied.status, unknown.status) == (200, 403, 403)
    assert allowed.body["decision"] is True
    assert unknown.reasons == ["no_route"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_identity_is_always_told_to_the_service(sidecar: Loopback, proxy: str) -> None:
    told = through(sidecar, proxy, "GET", BILLING, ANA)

    assert told.fields["x-auth-subject-type"] == "user"
    assert told.fields["x-auth-subject"] == "ana"
    assert told.fields["x-auth-obligations"] == "-"
    assert told.fields["x-auth-decision-id"] == told.body["decision_id"]


FIELDS = {
    "nginx": ("X-Original-Method: GET", f"X-Original-URI: {BILLING}"),
    "caddy": ("X-Forwarded-Method: GET", f"X-Forwarded-Uri: {BILLING}"),
    "traefik": ("X-Forwarded-Method: GET", f"X-Forwarded-Uri: {BILLING}"),
    "envoy": (),
}
PATHS = {proxy: f"/v1/gateway/{proxy}" for proxy in PROXIES} | {
    "envoy": f"/v1/gateway/envoy{BILLING}"
}
FORGED = [
    "X-Original-Method: GET",
    "X-Original-URI: /accounts/acme/billing",
    "X-Forwarded-Method: GET",
    "X-Forwarded-Uri: /accounts/acme/billing",
    "X-Original-URL: /accounts/acme/billing",
    "X-Rewrite-URL: /accounts/acme/billing",
    "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: DELETE",
    "X-Method-Override: DELETE",
    "X-Auth-Subject: ana",
    "X-Auth-Subject-Type: user",
    "X-Auth-Obligations: -",
    "X-Auth-Decision-Id: 1",
    "X_Original_URI: /accounts/acme/billing",
    "X_Forwarded_Uri: /accounts/acme/billing",
    "x_auth_subject: ana",
    "X_HTTP_Method_Override: DELETE",
    "Sidecar-Max-Age: 0",
    "Sidecar-Min-Revision: 0",
]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("upgrade", [(), ("Connection: upgrade", "Upgrade: websocket")])
def test_a_field_that_a_client_forged_is_refused(
    sidecar: Loopback, proxy: str, forged: str, upgrade: tuple[str, ...]
) -> None:
    told = ask(sidecar, PATHS[proxy], *FIELDS[proxy], ANA, forged, *upgrade)

    assert (told.status, told.reasons) == (403, ["gateway_headers"])


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik"])
@pytest.mark.parametrize("lacking", [0, 1])
def test_a_request_without_a_field_of_its_dialect_is_refused(
    sidecar: Loopback, proxy: str, lacking: int
) -> None:
    told = ask(sidecar, PATHS[proxy], FIELDS[proxy][lacking], ANA)

    assert (told.status, told.reasons) == (403, ["gateway_headers"])


@pytest.mark.parametrize("path", ["/v1/gateway/envoy", "/v1/gateway/envoyaccounts/acme/billing"])
def test_a_path_of_envoy_begins_behind_that_of_the_endpoint(sidecar: Loopback, path: str) -> None:
    told = ask(sidecar, path, ANA)

    assert (told.status, told.reasons) == (403, ["gateway_headers"])


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("x-user-id:",),
        ("x-user-id: ana", "x-user-id: bob"),
        ("x-user-id: ana", "X_User_Id: bob"),
        ("X_User_Id: ana",),
        ("x-user-id: a\tb",),
        ("x-user-id: \xff",),
        (f"x-user-id: {'a' * 257}",),
        ("Authorization: Bearer ana",),
    ],
)
@pytest.mark.parametrize("proxy", PROXIES)
def test_who_is_not_named_by_the_proxy_is_nobody(
    sidecar: Loopback, proxy: str, fields: tuple[str, ...]
) -> None:
    told = through(sidecar, proxy, "GET", BILLING, *fields)

    assert (told.status, told.reasons) == (401, ["not_identified"])
    assert told.fields["www-authenticate"].startswith("bearer realm=")


def test_an_obligation_that_a_route_passes_on_is_told_to_the_service(sidecar: Loopback) -> None:
    told = through(sidecar, "nginx", "DELETE", "/accounts/acme/members/bob", ANA)

    assert (told.status, told.fields["x-auth-obligations"]) == (200, "confirm_irreversible")


def test_a_proxy_shows_its_own_token_and_the_client_keeps_its_own() -> None:
    access = Access(One())
    with loopback(application(access), access) as sidecar:
        ours = f"X-Sidecar-Authorization: Bearer {TOKEN}"
        statuses = [
            through(sidecar, proxy, "GET", BILLING, ANA, *fields).status
            for proxy in PROXIES
            for fields in (
                [ours],
                [ours, "Authorization: Basic YTpi"],
                [f"Authorization: Bearer {TOKEN}"],
                ["X-Sidecar-Authorization: Bearer no"],
                [ours, ours],
            )
        ]

    assert statuses == [200, 200, 401, 401, 401] * len(PROXIES)
