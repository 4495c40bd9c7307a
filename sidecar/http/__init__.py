"""HTTP: translates between JSON and the model, and decides nothing."""

from sidecar.http.app import Standard, create_app, service_of
from sidecar.http.authentication import Access
from sidecar.http.endpoints import RESPONDERS, endpoint_at
from sidecar.http.environment import Limits
from sidecar.http.message import RequestHead, Response, is_json
from sidecar.http.pagination import Paging, new_key, read_key
from sidecar.http.service import Service

__all__ = [
    "RESPONDERS",
    "Access",
    "Limits",
    "Paging",
    "RequestHead",
    "Response",
    "Service",
    "Standard",
    "create_app",
    "endpoint_at",
    "is_json",
    "new_key",
    "read_key",
    "service_of",
]
