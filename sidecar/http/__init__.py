"""HTTP: translates between JSON and the nouns of the core, and decides nothing."""

from sidecar.http.app import Limits, create_app
from sidecar.http.authzen import Standard
from sidecar.http.pages import Paging, new_key, read_key

__all__ = ["Limits", "Paging", "Standard", "create_app", "new_key", "read_key"]
