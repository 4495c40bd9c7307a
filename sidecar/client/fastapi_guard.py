"""A guard for routes of FastAPI: a route runs only if the sidecar allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastapi import Depends, HTTPException, Request
from fastapi.params import Depends as Dependency

from sidecar.client.async_client import AsyncClient
from sidecar.client.guard_rules import denial_body, denial_headers, denial_status
from sidecar.client.model import EMPTY, Decision
from sidecar.client.requests import obligation_codes
from sidecar.client.starlette_guard import checked_client, decide, of_template


class Guard:
    """A guard of routes by the decisions of one sidecar.

    ::

        guard = Guard(AsyncClient("http://127.0.0.1:8181"), subject=current_user)

        @app.post("/accounts/{account}/numbers")
        async def add_number(
            account: str,
            decision: Annotated[
                Decision, guard.requires("numbers.edit", resource="account:{account}")
            ],
        ) -> Number: ...

    Where the route does not need the decision, ``dependencies=[guard.requires(...)]`` of a route or
    of a router suffices. A denial is a 403, and a 503 if the sidecar is unavailable, both with the
    reasons in ``detail``.
    """

    def __init__(self, client: AsyncClient, subject: Callable[..., object]) -> None:
        """Create a guard.

        Args:
            client: A client, which may be strict.
            subject: A dependency that returns the subject as ``type:id`` or an `Entity`; None if
                nobody is signed in.

        Raises:
            TypeError: The client is of another kind, such as a blocking one.
        """
        self._client = checked_client(client)
        self._subject = subject

    def requires(
        self,
        action: str,
        *,
        resource: str | Callable[..., object],
        context: Callable[..., Mapping[str, object]] = lambda: EMPTY,
        fulfils: str | Iterable[str] = (),
    ) -> Dependency:
        """Return a dependency that is the `Decision`, and stops the request unless it is an allow.

        Args:
            action: The name of the action.
            resource: ``account:{account}`` with the names of path parameters, inserted unchanged;
                or a dependency that returns the resource, or None if there is none.
            context: A dependency that returns the context.
            fulfils: Codes of the obligations that the route fulfils, one or several.

        Raises:
            ValueError: `resource` is malformed.
            TypeError: `fulfils` is neither a code nor a collection of codes.
        """
        codes = obligation_codes(fulfils)
        resource_of = _dependency(resource) if isinstance(resource, str) else resource

        async def decision_on(
            request: Request,
            subject: Any = Depends(self._subject),  # noqa: ANN401, B008  a dependency
            resource: Any = Depends(resource_of),  # noqa: ANN401, B008
            context: Any = Depends(context),  # noqa: ANN401, B008
        ) -> Decision:
            decision = await decide(
                self._client, request, subject, action, resource, context, codes
            )
            if not decision:
                raise HTTPException(
                    denial_status(decision), denial_body(decision), denial_headers(decision)
                )
            return decision

        dependency: Dependency = Depends(decision_on)
        return dependency


def _dependency(text: str) -> Callable[[Request], object]:
    resource_of = of_template(text)

    def resource(request: Request) -> object:
        return resource_of(request)

    return resource
