"""The asynchronous client as a blocking one, so that the same tests judge both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar, Self

from sidecar.client.async_client import AsyncClient, StrictAsyncClient


class BlockingClient:
    """Runs the calls of an `AsyncClient` in an event loop of its own."""

    kind: type[AsyncClient] = AsyncClient
    made: ClassVar[list[BlockingClient]] = []
    """To be closed at the end of a test."""

    def __init__(self, url: str, **settings: Any) -> None:  # noqa: ANN401  those of the client
        self._client = self.kind(url, **settings)
        self.runner = asyncio.Runner()
        self.made.append(self)

    @classmethod
    def strict(cls, url: str, **settings: Any) -> BlockingStrictClient:  # noqa: ANN401
        return BlockingStrictClient(url, **settings)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  a method of the client
        def call(*arguments: object, **options: object) -> object:
            return self.wait(getattr(self._client, name)(*arguments, **options))

        return call

    def wait(self, call: Awaitable[object]) -> object:
        """Run a call to its end."""

        async def main() -> object:
            return await call

        return self.runner.run(main())

    def close(self) -> None:
        self.wait(self._client.close())

    @classmethod
    def close_all(cls) -> None:
        while cls.made:
            client = cls.made.pop()
            client.close()
            client.runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BlockingStrictClient(BlockingClient):
    kind = StrictAsyncClient
