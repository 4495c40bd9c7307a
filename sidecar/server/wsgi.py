"""One call of the WSGI application with a request that has arrived as a whole."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from typing import Any, Protocol

from sidecar.http.message import Response
from sidecar.server.request import Request

_NOT_PREFIXED = {"CONTENT_TYPE", "CONTENT_LENGTH"}


class Application(Protocol):
    """A WSGI application, such as Flask's."""

    def __call__(
        self,
        environ: dict[str, Any],
        start_response: Any,  # noqa: ANN401  as WSGI has it
        /,
    ) -> Iterable[bytes]:
        """Return the body in pieces, after `start_response` was called."""


def call(application: Application, request: Request, client: str) -> Response:
    """Return the response of the application.

    Args:
        application: It answers any method of any path.
        request: With its body.
        client: The address of the client; empty at a Unix socket.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        started.append((status, headers))

    pieces = application(environment(request, client), start_response)
    try:
        body = b"".join(pieces)
    finally:
        if hasattr(pieces, "close"):
            pieces.close()
    status, headers = started[-1]
    # The server writes the id of the request, and the length; that of a HEAD it could not know.
    ours = {"X-Request-ID"} if request.method == "HEAD" else {"X-Request-ID", "Content-Length"}
    kept = [field for field in headers if field[0] not in ours]
    return Response(int(status.partition(" ")[0]), tuple(kept), body)


def environment(request: Request, client: str) -> dict[str, Any]:
    """Return the WSGI environment of a request.

    Names of header fields with an underscore are left out: in the environment they could not be
    told from those with a dash.
    """
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": client,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if b"_" not in name:
            key = name.decode("latin-1").upper().replace("-", "_")
            environ[key if key in _NOT_PREFIXED else f"HTTP_{key}"] = value.decode("latin-1")
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)  # the body is whole by now
    return environ
