"""The client of a sidecar for services that run in an event loop: every failure is a denial."""

from __future__ import annotations

import os
import ssl
from collections.abc import Coroutine, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from sidecar.client.address import parse_url
from sidecar.client.async_connections import AsyncConnections
from sidecar.client.calls import Calls
from sidecar.client.exchange import AsyncTransport, Call, run_async
from sidecar.client.model import EMPTY, Decision, Entity, Permissions, Question, Resources
from sidecar.client.posts import Options

T = TypeVar("T")
Properties = Mapping[str, object]


class Pending(Coroutine[Any, Any, T]):
    """A call that is to be awaited; it has no truth value.

    A coroutine is always true, so that ``if client.authorize(...)`` without ``await`` would allow.
    """

    def __init__(self, call: Coroutine[Any, Any, T]) -> None:
        self._call = call

    def __bool__(self) -> NoReturn:
        raise TypeError("the decision is not there yet: write `await` before the call")

    def __await__(self) -> Generator[Any, Any, T]:
        return self._call.__await__()

    def send(self, value: Any) -> Any:  # noqa: ANN401  of the event loop
        """Resume the call."""
        return self._call.send(value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401  of the event loop
        """Raise an error in the call."""
        return self._call.throw(*error)

    def close(self) -> None:
        """End the call."""
        self._call.close()


class AsyncClient:
    """A client of one sidecar for tasks of an event loop; see `sidecar.client.Client`.

    Every failure is a denial with the reason `unavailable`. Each event loop has connections of its
    own, and so has each process after a fork. A call whose task is cancelled raises CancelledError,
    as any other, and closes its connection.
    """

    def __init__(  # noqa: PLR0913  one for each setting
        self,
        url: str,
        *,
        seconds: float = 1.0,
        token: str = "",
        token_file: str | os.PathLike[str] | None = None,
        connections: int = 32,
        tls: ssl.SSLContext | None = None,
        max_body_bytes: int = 64 * 1024,
        max_evaluations: int = 1000,
        transport: AsyncTransport | None = None,
    ) -> None:
        """Set the address of the sidecar; nothing is sent yet.

        Args:
            url: As of `Client`, and so are the others, but for these.
            seconds: How long one call may take, including the time for which it waits for a
                connection.
            token: A bearer token.
            token_file: A file whose content is the token.
            connections: The most connections of an event loop, in use or idle.
            tls: For ``https:``, if the default context does not suffice.
            max_body_bytes: Longest body of a batch.
            max_evaluations: Most questions in a batch.
            transport: In place of connections to the URL, such as one of `sidecar.testing`.

        Raises:
            ValueError: An argument is invalid.
        """
        if connections < 1:
            raise ValueError("`connections` must be a positive number")
        self._calls = Calls(
            seconds=seconds,
            token=token,
            token_file=token_file,
            max_body_bytes=max_body_bytes,
            max_evaluations=max_evaluations,
            is_strict=isinstance(self, StrictAsyncClient),
        )
        address = parse_url(url, tls)
        self._transport = AsyncConnections(address, connections) if transport is None else transport

    def authorize(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        action: str,
        resource: str | Entity,
        *,
        context: Properties = EMPTY,
        action_properties: Properties = EMPTY,
        fulfils: str | Iterable[str] = (),
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Pending[Decision]:
        """Return a decision, as `Client.authorize`: ``if await client.authorize(...):``."""
        question = Question(
            subject=subject,
            action=action,
            resource=resource,
            context=context,
            action_properties=action_properties,
            fulfils=fulfils,
        )
        return self._run(self._calls.authorize(question, Options(request_id, min_revision)))

    def authorize_all(
        self,
        questions: Iterable[Question],
        *,
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Pending[tuple[Decision, ...]]:
        """Return the decisions of several questions, as `Client.authorize_all`."""
        options = Options(request_id, min_revision)
        return self._run(self._calls.authorize_all(questions, options))

    def permissions(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        resource: str | Entity,
        *,
        context: Properties = EMPTY,
        action_properties: Properties = EMPTY,
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Pending[Permissions]:
        """Return the actions that would be allowed, as `Client.permissions`."""
        options = Options(request_id, min_revision)
        return self._run(
            self._calls.permissions(subject, resource, action_properties, context, options)
        )

    def search_resources(  # noqa: PLR0913  the parts of one question
        self,
        subject: str | Entity,
        action: str,
        resource_type: str,
        *,
        context: Properties = EMPTY,
        action_properties: Properties = EMPTY,
        limit: int | None = None,
        min_revision: str | None = None,
        request_id: str = "",
    ) -> Pending[Resources]:
        """Return the resources on which an action would be allowed; see `Client`."""
        question = Question(
            subject=subject,
            action=action,
            resource=Entity(resource_type, "-"),
            context=context,
            action_properties=action_properties,
        )
        options = Options(request_id, min_revision)
        return self._run(self._calls.search_resources(question, limit, options))

    async def close(self) -> None:
        """Close the idle connections of the running event loop."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _run(self, call: Call[T]) -> Pending[T]:
        return Pending(run_async(call, self._transport))


class StrictAsyncClient(AsyncClient):
    """A client that raises UnavailableError if the sidecar is unavailable, in place of a denial."""
