"""A guard for Starlette endpoints: an endpoint runs only if the sidecar allows it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse

from sidecar.client.async_client import AsyncClient
from sidecar.client.calls import DENIAL
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
from sidecar.client.model import EMPTY, Decision, Entity, UnavailableError
from sidecar.client.requests import obligation_codes

T = TypeVar("T")
Endpoint = Callable[..., Any]
OfRequest = Callable[[Request], T | Awaitable[T]]
"""A function of the request, which may be a coroutine function."""


class Guard:
    """A guard of endpoints by the decisions of one sidecar.

    ::

        guard = Guard(AsyncClient("http://127.0.0.1:8181"), subject=subject_of_session)

        @guard.requires("numbers.edit", resource="account:{account}")
        async def add_number(request: Request) -> Response: ...

        app = Starlette(routes=[Route("/accounts/{account}/numbers", add_number)])

    A denial is a 403, and a 503 if the sidecar is unavailable, both with the reasons as JSON. An
    allowed endpoint finds the `Decision` in ``request.state.sidecar_decision``.
    """

    def __init__(self, client: AsyncClient, subject: OfRequest[str | Entity | None]) -> None:
        """Create a guard.

        Args:
            client: A client, which may be strict.
            subject: Returns the subject of a request as ``type:id`` or an `Entity`; None if nobody
                is signed in.

        Raises:
            TypeError: The client is of another kind, such as a blocking one.
        """
        self._client = checked_client(client)
        self._subject = subject

    def requires(
        self,
        action: str,
        *,
        resource: str | OfRequest[str | Entity | None],
        context: OfRequest[Mapping[str, object]] = lambda _: EMPTY,
        fulfils: str | Iterable[str] = (),
    ) -> Callable[[Endpoint], Endpoint]:
        """Let an endpoint run only if an action is allowed.

        The endpoint is a function, or a method of an `HTTPEndpoint`. One that is no coroutine
        function runs in a thread, as without a guard.

        Args:
            action: The name of the action.
            resource: ``account:{account}`` with the names of path parameters, inserted unchanged;
                or a function of the request that returns the resource, or None if there is none.
            context: Returns the context of a request.
            fulfils: Codes of the obligations that the endpoint fulfils, one or several.

        Raises:
            ValueError: `resource` is malformed.
            TypeError: `fulfils` is neither a code nor a collection of codes.
        """
        resource_of = of_template(resource) if isinstance(resource, str) else resource
        codes = obligation_codes(fulfils)

        def decorate(endpoint: Endpoint) -> Endpoint:
            is_async = inspect.iscoroutinefunction(endpoint)

            @wraps(endpoint)
            async def guarded(*args: Any) -> Any:  # noqa: ANN401  those of the endpoint
                request = args[-1]
                if not isinstance(request, Request):
                    raise TypeError("only an endpoint of HTTP can be guarded")
                decision = await decide(
                    self._client,
                    request,
                    await _result(self._subject(request)),
                    action,
                    await _result(resource_of(request)),
                    await _result(context(request)),
                    codes,
                )
                if not decision:
                    return JSONResponse(
                        denial_body(decision), denial_status(decision), denial_headers(decision)
                    )
                request.state.sidecar_decision = decision
                if is_async:
                    return await endpoint(*args)
                return await run_in_threadpool(endpoint, *args)

            return guarded

        return decorate


def checked_client(client: AsyncClient) -> AsyncClient:
    """Return a client unchanged.

    Raises:
        TypeError: It is of another kind, such as a blocking one.
    """
    if not isinstance(client, AsyncClient):
        raise TypeError("the guard needs an `AsyncClient`")
    return client


def of_template(text: str) -> Callable[[Request], Entity | None]:
    """Return the function that inserts the path parameters of a request into a template.

    Raises:
        ValueError: The template is malformed.
    """
    template = ResourceTemplate(text)
    return lambda request: template.entity(request.path_params)


async def decide(  # noqa: PLR0913, PLR0917  the parts of one question
    client: AsyncClient,
    request: Request,
    subject: str | Entity | None,
    action: str,
    resource: str | Entity | None,
    context: Mapping[str, object],
    fulfils: frozenset[str],
) -> Decision:
    """Return the decision on a request to a service."""
    if subject is None:
        return NO_SUBJECT
    if resource is None:
        return NO_RESOURCE
    try:
        decision = await client.authorize(
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


async def _result(value: T | Awaitable[T]) -> T:
    return await value if inspect.isawaitable(value) else value
