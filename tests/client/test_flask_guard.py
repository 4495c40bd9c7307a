"""The guard of Flask views: a view runs only on an allow."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask, g
from flask.testing import FlaskClient

from sidecar.client import Client, Decision, Entity, Reason, StrictClient
from sidecar.client.guard import Guard


class Fixed(Client):
    """Returns a given decision, and keeps the arguments of each call."""

    def __init__(self, decision: Decision) -> None:
        super().__init__("http://127.0.0.1:1")
        self.decision = decision
        self.calls: list[tuple[object, ...]] = []

    def authorize(
        self, subject: str | Entity, action: str, resource: str | Entity, **options: object
    ) -> Decision:
        self.calls.append((subject, action, resource, options))
        return self.decision


YES = Decision(allowed=True, reasons=())
NO = Decision(allowed=False, reasons=(Reason("not_granted", "No."),))


def guarded(client: Client, subject: str | None = "user:ana") -> FlaskClient:
    app = Flask(__name__)
    guard = Guard(client, subject=lambda: subject)

    @app.get("/accounts/<path:account>")
    @guard.requires("numbers.edit", resource="account:{account}")
    def account(account: str) -> str:
        return f"{account} {g.sidecar_decision.allowed}"

    @app.get("/members")
    @app.get("/members/<path:account>/of/<path:user>")
    @guard.requires("remove", resource="membership:{account}/{user}", fulfils={"confirm"})
    def member(account: str, user: str) -> str:
        return f"{account} {user}"

    @app.get("/numbers/<int:number>")
    @guard.requires(
        "view",
        resource=lambda number: Entity("number", str(number), {"account": "acme"}),
        context=lambda: {"via_proxy": True},
    )
    def number(number: int) -> str:
        return str(number)

    @app.get("/things/<uuid:thing>")
    @guard.requires("view", resource="thing:t-{thing}.x")
    def thing(thing: UUID) -> str:
        return str(thing)

    return app.test_client()


def test_an_allowed_view_runs() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/accounts/acme", headers={"X-Request-ID": "r-1"})

    assert (response.status_code, response.text) == (200, "acme True")
    options = {"context": {}, "fulfils": frozenset(), "request_id": "r-1"}
    assert client.calls == [("user:ana", "numbers.edit", Entity("account", "acme"), options)]


def test_a_denied_view_does_not_run() -> None:
    response = guarded(Fixed(NO)).get("/accounts/acme")

    assert response.status_code == 403
    assert response.json == {
        "decision": False,
        "reasons": [{"code": "not_granted", "message": "No."}],
    }
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("kind", [Client, StrictClient])
def test_a_view_does_not_run_if_the_sidecar_is_unavailable(kind: type[Client]) -> None:
    response = guarded(kind("http://127.0.0.1:1")).get("/accounts/acme")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json == {
        "decision": False,
        "reasons": [
            {"code": "unavailable", "message": "Access cannot be checked now; try again later."}
        ],
    }


def test_a_view_without_a_subject_does_not_run() -> None:
    client = Fixed(YES)

    response = guarded(client, subject=None).get("/accounts/acme")

    assert response.status_code == 403
    assert client.calls == []


@pytest.mark.parametrize(
    "account", ["a:b", "{account}", "{0.__class__}", "%s", "acme/bob", "a\\b", "\u202e", " "]
)
def test_an_id_is_inserted_unchanged(account: str) -> None:
    client = Fixed(YES)

    guarded(client).get(f"/accounts/{account.replace('%', '%25')}")

    assert client.calls[0][2] == Entity("account", account)


def test_an_id_may_have_several_arguments() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/members/acme/of/bob/x")

    assert response.text == "acme bob/x"
    assert client.calls[0][2] == Entity("membership", "acme/bob/x")
    assert client.calls[0][3] == {
        "context": {},
        "fulfils": frozenset({"confirm"}),
        "request_id": "",
    }


def test_an_ambiguous_value_names_no_resource() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/members/acme/bob/of/x")

    assert response.status_code == 403
    assert response.json is not None
    assert response.json["reasons"][0]["code"] == "unknown_resource"
    assert client.calls == []


def test_a_function_may_return_the_resource() -> None:
    client = Fixed(YES)

    guarded(client).get("/numbers/7")

    assert client.calls[0][2:] == (
        Entity("number", "7", {"account": "acme"}),
        {"context": {"via_proxy": True}, "fulfils": frozenset(), "request_id": ""},
    )


def test_text_may_stand_around_an_argument() -> None:
    client = Fixed(YES)
    thing = "0d4b3d0c-9c6b-4d0a-8a58-f0a3d3e3b9c1"

    guarded(client).get(f"/things/{thing}")

    assert client.calls[0][2] == Entity("thing", f"t-{thing}.x")


def test_a_view_without_the_argument_does_not_run() -> None:
    client = Fixed(YES)

    response = guarded(client).get("/members")

    assert response.status_code == 500
    assert client.calls == []


@pytest.mark.parametrize(
    "resource",
    [
        "account",
        "account:",
        ":{x}",
        "{x}",
        "{x}:y",
        "a b:{x}",
        "a:{x",
        "a:x}",
        "a:{x.y}",
        "a:{a}{b}",
        "a:{}",
    ],
)
def test_a_malformed_resource_is_refused_when_the_view_is_decorated(resource: str) -> None:
    guard = Guard(Fixed(YES), subject=lambda: "user:ana")

    with pytest.raises(ValueError, match=r"is not written like|brace|no text between"):
        guard.requires("view", resource=resource)


def test_a_malformed_request_id_is_left_out() -> None:
    client = Fixed(YES)

    guarded(client).get("/accounts/acme", headers={"X-Request-ID": "a b"})

    options = client.calls[0][3]
    assert isinstance(options, dict)
    assert options["request_id"] == ""
