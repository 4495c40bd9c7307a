"""HTTP: translates between JSON and the nouns of the core, and decides nothing."""

from sidecar.http.app import Limits, create_app

__all__ = ["Limits", "create_app"]
