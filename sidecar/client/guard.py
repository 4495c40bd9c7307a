"""A guard for views of Flask: the view runs where the sidecar allows it, and not otherwise."""

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
    """Guards views with the decisions of one sidecar.

    ::

        guard = Guard(Client("http://127.0.0.1:8181"), subject=lambda: Entity("user", g.user_id))

        @app.post("/accounts/<account>/numbers")
        @guard.requires("numbers.edit", resource="account:{account}")
        def add_number(account: str) -> str: ...

    What is denied gets 403, what cannot be checked 503, both as JSON with the reasons; an allowed
    view finds the `Decision` in ``flask.g.sidecar_decision``. Put it below the route: what stands
    above `requires` is not guarded.
    """

    def __init__(self, client: Client, subject: Callable[[], str | Entity | None]) -> None:
        """Guard by a client.

        Args:
            client: One that denies where there is no answer, or a strict one.
            subject: Returns who asks, as ``type:id`` or an `Entity`; None for nobody.
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
        """Let a view run only where this action is allowed.

        Args:
            action: Its name.
            resource: ``account:{account}`` with the names of view arguments, each put in as it is;
                or what returns the resource when it is called with the view's arguments, None
                for what there cannot be.
            context: Returns the context of the question.
            fulfils: Codes of the obligations that the view sees to, one or a collection of them.

        Raises:
            ValueError: The text is no resource.
            TypeError: `fulfils` is neither a code nor a collection of codes.
        """
        named = _Template(resource).entity if isinstance(resource, str) else resource
        fulfilled = obligation_codes(fulfils)

        def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
            @wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
                decision = self._decide(action, named(*args, **kwargs), context(), fulfilled)
                if not decision:
                    return _refusal(decision)
                g.sidecar_decision = decision
                told: ResponseReturnValue = current_app.ensure_sync(view)(*args, **kwargs)
                return told

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

    The type stands in the text, and never comes from a caller. An argument goes into the id as it
    is. Where an id is made of several, a value that holds what stands between them could pass for
    another pair of values; it names nothing.
    """

    def __init__(self, text: str) -> None:
        self._type, colon, identifier = text.partition(":")
        pieces = _PLACEHOLDER.split(identifier)
        self._literals, self._names = pieces[::2], pieces[1::2]
        if not colon or not identifier or not _TYPE.fullmatch(self._type):
            raise ValueError(f"`{text}` is not written like `account:{{account}}`")
        if any("{" in piece or "}" in piece for piece in self._literals):
            raise ValueError(f"`{text}` has a brace that stands around no name")
        if not all(self._literals[1:-1]):
            raise ValueError(f"`{text}` has nothing between two names")

    def entity(self, *_: object, **arguments: object) -> Entity | None:
        """Return the resource; None where the values name nothing.

        Raises:
            TypeError: The view has no such argument, or it is no text and no number.
        """
        values = [_text(name, arguments) for name in self._names]
        between = zip(values, self._literals[1:-1], strict=False)
        if not all(values) or any(literal in value for value, literal in between):
            return None
        parts = [*values, ""]
        written = "".join(a + b for a, b in zip(self._literals, parts, strict=True))
        return Entity(self._type, written)


_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TYPE = re.compile(r"[^:{}\s]+")


def _text(name: str, arguments: Mapping[str, object]) -> str:
    value = arguments.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        raise TypeError(f"the guarded view has no argument `{name}` that is a text or a number")
    return str(value)


def _request_id() -> str:
    said = request.headers.get("X-Request-ID", "")
    return said if _REQUEST_ID.fullmatch(said) else ""


def _denial(reason: Reason) -> Decision:
    return Decision(allowed=False, reasons=(reason,))


def _refusal(decision: Decision) -> Response:
    reasons = [{"code": each.code, "message": each.message} for each in decision.reasons]
    response = Response(
        json.dumps({"decision": False, "reasons": reasons}),
        503 if decision.unavailable else 403,
        mimetype="application/json",
    )
    response.headers["Cache-Control"] = "no-store"
    if decision.unavailable:
        response.headers["Retry-After"] = "1"
    return response
