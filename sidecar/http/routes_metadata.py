"""Metadata: where a caller that knows our public URL finds what.

The URL is a setting. What a request says of its host is never looked at: a cache would keep an
answer that somebody else has named.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Blueprint, Response

from sidecar.http.flask_views import answer

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
    told = members(public_url)

    @views.get(WELL_KNOWN + urlsplit(public_url).path)
    def metadata() -> Response:
        """Answer with our endpoints, or with a 404 where the public URL is not set."""
        if public_url:
            return answer(told)
        status = HTTPStatus.NOT_FOUND
        message = "there is no metadata: the setting `public-url` is not set"
        error = {"status": status.value, "message": message}
        return answer({"decision": False, "error": error}, status)

    return views


def members(public_url: str) -> dict[str, object]:
    """Return the metadata of a sidecar that is known by this URL; what has no value is left out."""
    endpoints = {name: public_url + path for name, path in _ENDPOINTS.items()}
    lists = {"capabilities": _CAPABILITIES, "supported_obligations": _OBLIGATIONS}
    told = {name: values for name, values in lists.items() if values}
    return {"policy_decision_point": public_url, **endpoints, **told}
