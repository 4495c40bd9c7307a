"""The Flask application of the admin listener."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Flask

from sidecar.http import Access
from sidecar.http.flask_app import new_app


def create_admin_app(access: Access, max_body_bytes: int, pages: Iterable[Blueprint]) -> Flask:
    """Return the application.

    Args:
        access: Who may ask; `/healthz` and `/readyz` are answered to everybody.
        max_body_bytes: Longest body of a request.
        pages: All that is answered, with paths of their own.
    """
    app = new_app(access, max_body_bytes)
    for each in pages:
        app.register_blueprint(each)
    return app
