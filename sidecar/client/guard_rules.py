"""What the guards of all frameworks have in common: which resource, and how a denial is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from sidecar.client.calls import DENIAL
from sidecar.client.model import Decision, Entity, Reason

NO_SUBJECT = Decision(allowed=False, reasons=(Reason("no_subject", "Sign in first."),))
NO_RESOURCE = Decision(
    allowed=False, reasons=(Reason("unknown_resource", "There is no such thing."),)
)

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


def checked_decision(decision: object) -> Decision:
    """Return a decision unchanged; a denial for anything else, such as a coroutine."""
    return decision if isinstance(decision, Decision) else DENIAL


def forwarded_id(header: str | None) -> str:
    """Return the ``X-Request-ID`` of a request to the service; empty if it is not well-formed."""
    return header if header is not None and _REQUEST_ID.fullmatch(header) else ""


def denial_status(decision: Decision) -> int:
    """Return the status of a denial."""
    return 503 if decision.unavailable else 403


def denial_headers(decision: Decision) -> dict[str, str]:
    """Return the header fields of the response to a denial."""
    retry = {"Retry-After": "1"} if decision.unavailable else {}
    return {"Cache-Control": "no-store", **retry}


def denial_body(decision: Decision) -> dict[str, object]:
    """Return the JSON of the response to a denial."""
    reasons = [{"code": reason.code, "message": reason.message} for reason in decision.reasons]
    return {"decision": False, "reasons": reasons}


class ResourceTemplate:
    """``type:id`` with the names of view arguments in the id.

    The type is fixed, and never comes from a caller. Arguments are inserted unchanged. In an id of
    several arguments, a value that contains the text between them could stand for another
    combination of values; it names no resource.
    """

    def __init__(self, text: str) -> None:
        """Read a template.

        Raises:
            ValueError: It is malformed.
        """
        self._type, colon, identifier = text.partition(":")
        pieces = _PLACEHOLDER.split(identifier)
        self._literals, self._names = pieces[::2], pieces[1::2]
        if not colon or not identifier or not _TYPE.fullmatch(self._type):
            raise ValueError(f"`{text}` is not written like `account:{{account}}`")
        if any("{" in piece or "}" in piece for piece in self._literals):
            raise ValueError(f"`{text}` has a brace without a name")
        if not all(self._literals[1:-1]):
            raise ValueError(f"`{text}` has no text between two names")

    def entity(self, arguments: Mapping[str, object]) -> Entity | None:
        """Return the resource; None if the values name none.

        Raises:
            TypeError: An argument is missing, or is neither text nor a number.
        """
        values = [_text(name, arguments) for name in self._names]
        between = zip(values, self._literals[1:-1], strict=False)
        if not all(values) or any(literal in value for value, literal in between):
            return None
        pairs = zip(self._literals, [*values, ""], strict=True)
        return Entity(self._type, "".join(literal + value for literal, value in pairs))


_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TYPE = re.compile(r"[^:{}\s]+")


def _text(name: str, arguments: Mapping[str, object]) -> str:
    value = arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        raise TypeError(f"the guarded view has no argument `{name}` that is a text or a number")
    return str(value)
