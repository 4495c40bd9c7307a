"""Calls without I/O: generators that yield requests, are sent the responses, and return a result.

The blocking and the asynchronous client run the same calls; they differ in their transport.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from http.client import HTTPException
from typing import NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Post(NamedTuple):
    """A POST request."""

    path: str
    """Below the base path of the address."""
    body: bytes
    headers: dict[str, str]
    """Those besides the ones of every request."""
    deadline: float
    """When the response must have been read, on the monotonic clock."""
    max_bytes: int
    """Longest response."""


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    media_type: str
    """Without parameters, in lower case; empty if there is none."""
    request_id: str
    """The ``X-Request-ID`` of the request that it responds to; empty if the server names none."""
    body: bytes


Call = Generator[Post, Response, T]


class Transport(Protocol):
    """Exchanges requests for responses."""

    def post(self, post: Post) -> Response:
        """Send a request and return the response.

        Raises:
            UnavailableError: There is no response, or not in time.
        """

    def close(self) -> None:
        """Close the idle connections."""


class AsyncTransport(Protocol):
    """Exchanges requests for responses in an event loop."""

    async def post(self, post: Post) -> Response:
        """As `Transport.post`."""

    async def close(self) -> None:
        """Close the idle connections of the running event loop."""


def run(call: Call[T], transport: Transport) -> T:
    """Run a call over a transport, and return its result; its errors are raised."""
    try:
        post = next(call)
        while True:
            try:
                response = transport.post(post)
            except Exception as error:  # noqa: BLE001  the call decides
                post = call.throw(error)
            else:
                post = call.send(response)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        call.close()


async def run_async(call: Call[T], transport: AsyncTransport) -> T:
    """Run a call over an asynchronous transport, as `run`; cancelling it ends the call."""
    try:
        post = next(call)
        while True:
            try:
                response = await transport.post(post)
            except Exception as error:  # noqa: BLE001  the call decides
                post = call.throw(error)
            else:
                post = call.send(response)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        call.close()


def make_response(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Response:
    """Return the response with these header fields, of which only some count."""
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    media_type = first.get("content-type", "").partition(";")[0].strip().lower()
    return Response(status, media_type, first.get("x-request-id", ""), body)


def check_framing(headers: Iterable[tuple[str, str]]) -> None:
    """Check that header fields state the end of the body in one way.

    A proxy in between may have taken the other way, so that a part of one response would be read
    as the next.

    Raises:
        HTTPException: They state it in several ways, or in none.
    """
    fields = [(name.lower(), value) for name, value in headers]
    lengths = [value for name, value in fields if name == "content-length"]
    codings = [value for name, value in fields if name == "transfer-encoding"]
    if len(lengths) + len(codings) > 1:
        raise HTTPException("the end of the response is ambiguous")
    is_stated = all(value.isascii() and value.isdecimal() for value in lengths)
    if not is_stated or any(value.lower() != "chunked" for value in codings):
        raise HTTPException("the end of the response is not stated")
    if not lengths and not codings:
        raise HTTPException("the end of the response is not stated")
