"""A client of the sidecar for Python services: typed, on kept connections, and closed on failure.

Nothing of the server is imported, and nothing but the standard library; `sidecar.client.guard`
takes Flask besides. The standard library's http.client does all that one kind of request to one
place needs, and an authorization client is the last thing that should bring new dependencies.
"""

from sidecar.client.client import Client, StrictClient
from sidecar.client.model import (
    UNAVAILABLE,
    UNFULFILLED,
    Decision,
    Entity,
    Obligation,
    Permissions,
    Question,
    Reason,
    UnavailableError,
)

__all__ = [
    "UNAVAILABLE",
    "UNFULFILLED",
    "Client",
    "Decision",
    "Entity",
    "Obligation",
    "Permissions",
    "Question",
    "Reason",
    "StrictClient",
    "UnavailableError",
]
