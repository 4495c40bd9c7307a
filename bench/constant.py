"""An ASGI application that answers one constant: the cost of a request behind other workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

ANSWER = b'{"decision":true}'

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def application(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer each request when its body has arrived."""
    if scope["type"] != "http":  # the start and the end of the server
        return
    while (await receive()).get("more_body"):
        pass
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(ANSWER)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
