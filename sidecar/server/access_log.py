"""The access log: a line for each response, written by a thread."""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from queue import SimpleQueue

from sidecar.http.message import Response
from sidecar.metrics import Counters
from sidecar.metrics.catalog import ACCESS_LOST
from sidecar.server.request import Request

LOG = logging.getLogger("gunicorn.access")

MAX_LINES = 10_000
"""Lines that wait to be written; whoever reads them must not keep clients waiting."""


class AccessLog:
    """Writes lines in the combined format."""

    def __init__(self, counters: Counters | None = None) -> None:
        """Begin with no line.

        Args:
            counters: Count the lines that are dropped.
        """
        self._counters = counters or Counters()
        self._queue: SimpleQueue[str] = SimpleQueue()
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        if not self._thread.is_alive():
            self._thread.start()

    def add(self, client: str, request: Request | None, response: Response) -> None:
        """Have a line written; without a request one that could not be read."""
        if self._queue.qsize() >= MAX_LINES:
            self._dropped += 1
            self._counters.add(ACCESS_LOST)
            return
        now = datetime.now().astimezone()  # noqa: TID251  when the response was made
        line, referrer, agent = "-", "-", "-"
        if request is not None:
            line = f"{request.method} {request.target.decode('latin-1')} HTTP/{request.version}"
            referrer = _field(request, b"referer")
            agent = _field(request, b"user-agent")
        self._queue.put(
            f'{client or "-"} - - [{now:%d/%b/%Y:%H:%M:%S %z}] "{_quoted(line)}" '
            f'{response.status} {len(response.body)} "{referrer}" "{agent}"'
        )

    def _run(self) -> None:
        while True:
            LOG.info("%s", self._queue.get())
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                LOG.warning("%d lines of the access log were dropped", dropped)


def _field(request: Request, name: bytes) -> str:
    return _quoted(request.headers.get(name, b"-").decode("latin-1"))


def _quoted(text: str) -> str:
    return text.replace('"', '\\"')
