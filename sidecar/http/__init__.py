"""HTTP: translates between JSON and the nouns of the core, and decides nothing."""

from sidecar.http.access import Access
from sidecar.http.app import Limits, create_app
from sidecar.http.authzen import Standard
from sidecar.http.pages import Paging, new_key, read_key

__all__ = ["Access", "Limits", "Paging", "Standard", "create_app", "new_key", "read_key"]
