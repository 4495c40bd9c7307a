"""What the operator asks: health, status and metrics, at an address of their own.

The requests of callers are answered by `sidecar.http`, and nothing of this package at their port.
"""

from sidecar.admin.app import create_admin_app

__all__ = ["create_admin_app"]
