"""The words of the pack for forms: each enum's values with what people are told about them."""

from __future__ import annotations

from flask import Blueprint, Response, abort

from sidecar.http.asking import Desk, answer
from sidecar.schema import EnumValue


def blueprint(desk: Desk) -> Blueprint:
    """Return the views under `/v1/enums`."""
    views = Blueprint("vocabulary", __name__, url_prefix="/v1/enums")

    @views.get("")
    def names() -> Response:
        """Answer which enums there are."""
        return answer({"enums": sorted(desk.open().pair.policy.schema.enums)})

    @views.get("/<name>")
    def values(name: str) -> Response:
        """Answer the values of one enum in the order of the schema."""
        enums = desk.open().pair.policy.schema.enums
        if name not in enums:
            abort(404)
        return answer({"name": name, "values": [_members(value) for value in enums[name]]})

    return views


def _members(value: EnumValue) -> dict[str, object]:
    return {
        "name": value.name,
        "label": value.label,
        "description": value.description,
        **(value.marks or {}),
    }
