"""A typed client of the sidecar for Python services; every failure is a denial.

It imports nothing of the server, and only the standard library; `sidecar.client.guard` needs Flask
as well. One kind of request to one address needs no more than http.client, and an authorization
client should not bring dependencies into every service.
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
    Resources,
    Revisions,
    UnavailableError,
)
from sidecar.client.position import writer_position

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
    "Resources",
    "Revisions",
    "StrictClient",
    "UnavailableError",
    "writer_position",
]
