"""HTTP: translates between JSON and the nouns of the core, and decides nothing."""

from sidecar.http.app import create_app, hot
from sidecar.http.authentication import Access
from sidecar.http.dispatch import PATHS, Hot
from sidecar.http.incoming_request import Limits
from sidecar.http.message import Fields, Told
from sidecar.http.pagination import Paging, new_key, read_key
from sidecar.http.routes_search import Standard

__all__ = [
    "PATHS",
    "Access",
    "Fields",
    "Hot",
    "Limits",
    "Paging",
    "Standard",
    "Told",
    "create_app",
    "hot",
    "new_key",
    "read_key",
]
