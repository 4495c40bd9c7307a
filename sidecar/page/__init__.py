"""The web page for operators and security reviewers, rendered on the server.

It shows what the sidecar would decide and why. No request to it changes policy or facts.
"""

from sidecar.page.blueprint import create_pages
from sidecar.page.context import Counts, Page

__all__ = ["Counts", "Page", "create_pages"]
