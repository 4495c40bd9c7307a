"""A guard for Flask views: a view runs only if the sidecar allows it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import ParamSpec

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue

from sidecar.client.calls import DENIAL
from sidecar.client.client import Client
from sidecar.client.guard_rules import (
    NO_RESOURCE,
    NO_SUBJECT,
    ResourceTemplate,
    checked_decision,
    denial_body,
    denial_headers,
    denial_status,
    forwarded_id,
)
from sidecar.client.model import Decision, Entity, UnavailableError
from sidecar.client.requests import obligation_codes

P = ParamSpec("P")


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

        Raises:
            TypeError: The client is of another kind, such as an `AsyncClient`.
        """
        if not isinstance(client, Client):
            raise TypeError("the guard of Flask views needs a `Client`")
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
        resource_of = _of_template(resource) if isinstance(resource, str) else resource
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
            return NO_SUBJECT
        if resource is None:
            return NO_RESOURCE
        try:
            decision = self._client.authorize(
                subject,
                action,
                resource,
                context=context,
                fulfils=fulfils,
                request_id=forwarded_id(request.headers.get("X-Request-ID")),
            )
        except UnavailableError:  # of a strict client
            return DENIAL
        return checked_decision(decision)


def _of_template(text: str) -> Callable[..., Entity | None]:
    template = ResourceTemplate(text)
    return lambda *_, **arguments: template.entity(arguments)


def _denied_response(decision: Decision) -> Response:
    response = Response(
        json.dumps(denial_body(decision)), denial_status(decision), mimetype="application/json"
    )
    response.headers.update(denial_headers(decision))
    return response
