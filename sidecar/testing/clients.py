"""Clients of a PDP in the process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sidecar.client import Client, StrictClient
from sidecar.client.exchange import Post, Response

if TYPE_CHECKING:
    from sidecar.client.async_client import AsyncClient

SECONDS = 60.0
"""How long a call may take: a test should not fail because its machine is busy."""
_URL = "http://pdp.test"
"""Of nobody: nothing is sent."""


class InProcessPDP(ABC):
    """A PDP that real clients ask without a network.

    The clients build the requests and check the responses, as before a sidecar; so obligations, for
    instance, have to be fulfilled.
    """

    @abstractmethod
    def respond(self, post: Post) -> Response:
        """Return the response to a request.

        Raises:
            UnavailableError: There is none.
        """

    def client(self, *, strict: bool = False) -> Client:
        """Return a blocking client.

        Args:
            strict: Whether it raises UnavailableError in place of an `unavailable` denial.
        """
        kind = StrictClient if strict else Client
        return kind(_URL, seconds=SECONDS, transport=_Transport(self))

    def async_client(self, *, strict: bool = False) -> AsyncClient:
        """Return an asynchronous client; it needs h11."""
        from sidecar.client import async_client  # noqa: PLC0415  not every service has h11

        kind = async_client.StrictAsyncClient if strict else async_client.AsyncClient
        return kind(_URL, seconds=SECONDS, transport=_AsyncTransport(self))


class _Transport:
    def __init__(self, pdp: InProcessPDP) -> None:
        self._pdp = pdp

    def post(self, post: Post) -> Response:
        return self._pdp.respond(post)

    def close(self) -> None:
        """Do nothing."""


class _AsyncTransport:
    def __init__(self, pdp: InProcessPDP) -> None:
        self._pdp = pdp

    async def post(self, post: Post) -> Response:
        return self._pdp.respond(post)

    async def close(self) -> None:
        """Do nothing."""
