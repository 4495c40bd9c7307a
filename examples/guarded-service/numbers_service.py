"""A service that keeps phone numbers of accounts; the sidecar decides who may see and add them."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request
from flask.typing import ResponseReturnValue

from sidecar.client import Client, Entity
from sidecar.client.guard import Guard


def create_app(client: Client) -> Flask:
    """Return the service.

    Args:
        client: Of the sidecar; in tests, of a `sidecar.testing.PDP` or `FakePDP`.
    """
    app = Flask(__name__)
    numbers: dict[str, list[str]] = {}
    guard = Guard(client, subject=_signed_in)

    @app.post("/accounts/<account>/numbers")
    @guard.requires("numbers.edit", resource="account:{account}")
    def add(account: str) -> ResponseReturnValue:
        numbers.setdefault(account, []).append(request.get_data(as_text=True))
        return "", 201

    @app.get("/accounts/<account>/numbers")
    @guard.requires("numbers.view", resource="account:{account}")
    def view(account: str) -> Response:
        subject = _signed_in()
        permissions = client.permissions(subject, f"account:{account}") if subject else ()
        return jsonify(numbers=numbers.get(account, []), can_add="numbers.edit" in permissions)

    return app


def _signed_in() -> Entity | None:
    """Return who sent the request, as the proxy before this service has authenticated them."""
    name = request.headers.get("X-User")
    return Entity("user", name) if name else None
