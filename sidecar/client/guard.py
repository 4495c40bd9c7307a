"""A guard for Flask views: a view runs only if the sidecar allows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue

from sidecar.client.client import Client
from sidecar.client.model import (
    NO_ANSWER,
    Decision,
    Entity,
    Reason,
    UnavailableError,
)
from sidecar.client.requests import obligation_codes

P = ParamSpec("P")

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Guard:
    """A guard of views by the decisions of one sidecar.

    ::

        guard = Guard(Client("http://127.0.0.1:8181"), subject=lambda: Entity("user", g.user_id))

        @app.post("/accounts/<account>/numbers")
        @guard.requires("numbers.edit", resource="account:{account}")
        def add_number(account: str) -> str: ...

    A denial is a 403, and a 503 if the sidecar is unavailable, both with the reasons as JSON. An
    allowed view finds the `Decision` in ``flask.g.sidecar_decision``. Put `requires` below the
    route: decorators above it are not guarded.
    """

    def __init__(self, client: Client, subject: Callable[[], str | Entity | None]) -> None:
        """Create a guard.

        Args:
            client: A client, which may be strict.
            subject: Returns the subject of the request as ``type:id`` or an `Entity`; None if
                nobody is signed in.
        """
        self._client = client
        self._subject = subject

    def requires(
        self,
        action: str,
        *,
        resource: str | Callable[..., str | Entity | None],
        context: Callable[[], Mapping[str, object]] = dict,
        fulfils: str | Iterable[str] = (),
    ) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
        """Let a view run only if an action is allowed.

        Args:
            action: The name of the action.
            resource: ``account:{account}`` with the names of view arguments, inserted unchanged;
                or a function of the view's arguments that returns the resource, or None if there
                is no such resource.
            context: Returns the context of the request.
            fulfils: Codes of the obligations that the view fulfils, one or a collection of them.

        Raises:
            ValueError: `resource` is malformed.
            TypeError: `fulfils` is neither a code nor a collection of codes.
        """
        resource_of = _Template(resource).entity if isinstance(resource, str) else resource
        codes = obligation_codes(fulfils)

        def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
                decision = self._decide(action, resource_of(*args, **kwargs), context(), codes)
                if not decision:
                    return _denied_response(decision)
                g.sidecar_decision = decision
                response: ResponseReturnValue = current_app.ensure_sync(view)(*args, **kwargs)
                return response

            return guarded

        return decorate

    def _decide(
        self,
        action: str,
        resource: str | Entity | None,
        context: Mapping[str, object],
        fulfils: frozenset[str],
    ) -> Decision:
        subject = self._subject()
        if subject is None:
            return _denial(Reason("no_subject", "Sign in first."))
        if resource is None:
            return _denial(Reason("unknown_resource", "There is no such thing."))
        try:
            return self._client.authorize(
                subject,
                action,
                resource,
                context=context,
                fulfils=fulfils,
                request_id=_request_id(),
            )
        except UnavailableError:  # of a strict client
            return _denial(NO_ANSWER)


class _Template:
    """``type:id`` with the names of view arguments in the id.

    The type is fixed, and never comes from a caller. Arguments are inserted unchanged. In an id of
    several arguments, a value that contains the text between them could stand for another
    combination of values; it names no resource.
    """

    def __init__(self, text: str) -> None:
        self._type, colon, identifier = text.partition(":")
        pieces = _PLACEHOLDER.split(identifier)
        self._literals, self._names = pieces[::2], pieces[1::2]
        if not colon or not identifier or not _TYPE.fullmatch(self._type):
            raise ValueError(f"`{text}` is not written like `account:{{account}}`")
        if any("{" in piece or "}" in piece for piece in self._literals):
            raise ValueError(f"`{text}` has a brace without a name")
        if not all(self._literals[1:-1]):
            raise ValueError(f"`{text}` has no text between two names")

    def entity(self, *_: object, **arguments: object) -> Entity | None:
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


def _request_id() -> str:
    value = request.headers.get("X-Request-ID", "")
    return value if _REQUEST_ID.fullmatch(value) else ""


def _denial(reason: Reason) -> Decision:
    return Decision(allowed=False, reasons=(reason,))


def _denied_response(decision: Decision) -> Response:
    reasons = [{"code": reason.code, "message": reason.message} for reason in decision.reasons]
    response = Response(
        json.dumps({"decision": False, "reasons": reasons}),
        503 if decision.unavailable else 403,
        mimetype="application/json",
    )
    response.headers["Cache-Control"] = "no-store"
    if decision.unavailable:
        response.headers["Retry-After"] = "1"
    return response
