"""HTTP: translates between JSON and the nouns of the core, and decides nothing."""

from sidecar.http.access import Access
from sidecar.http.app import create_app, hot
from sidecar.http.authzen import Standard
from sidecar.http.hot import PATHS, Hot
from sidecar.http.incoming import Limits
from sidecar.http.messages import Fields, Told
from sidecar.http.pages import Paging, new_key, read_key

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
