"""Metadata: where a caller that knows our public URL finds what.

The URL is a setting. The host that a request names is never looked at: a cache would keep a
response that names somebody else's.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response

from sidecar.http.errors import Rejection
from sidecar.http.flask_response import rendered
from sidecar.http.message import json_response

WELL_KNOWN = "/.well-known/authzen-configuration"

_ENDPOINTS = {
    "access_evaluation_endpoint": "/access/v1/evaluation",
    "access_evaluations_endpoint": "/access/v1/evaluations",
    "search_subject_endpoint": "/access/v1/search/subject",
    "search_resource_endpoint": "/access/v1/search/resource",
    "search_action_endpoint": "/access/v1/search/action",
}

_CAPABILITIES: tuple[str, ...] = ()
"""URNs of the registry of capabilities; it has none that says something of us."""

_OBLIGATIONS = ("custom",)
"""Types of the obligations profile: what a pack obliges to is agreed with its callers."""


def blueprint(public_url: str) -> Blueprint:
    """Return the view of the metadata.

    Args:
        public_url: The URL that callers know us by; empty where nobody has told it. Its path
            comes behind the well-known one, as the standard has it.
    """
    views = Blueprint("metadata", __name__)
    response = (
        json_response(members(public_url)) if public_url else Rejection.NO_METADATA.response()
    )

    @views.get(WELL_KNOWN + urlsplit(public_url).path)
    def metadata() -> Response:
        """Answer with our endpoints, or with a 404 where the public URL is not set."""
        return rendered(response)

    return views


def members(public_url: str) -> dict[str, object]:
    """Return the metadata of a sidecar that is known by this URL; what has no value is left out."""
    endpoints = {name: public_url + path for name, path in _ENDPOINTS.items()}
    lists = {"capabilities": _CAPABILITIES, "supported_obligations": _OBLIGATIONS}
    filled = {name: values for name, values in lists.items() if values}
    return {"policy_decision_point": public_url, **endpoints, **filled}
