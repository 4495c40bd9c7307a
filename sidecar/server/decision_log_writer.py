"""Writing the lines of the decision log before their responses are sent.

Responses of one iteration of the event loop share one write. A write that could block (another
process has the lock, the file is slow, or it is a pipe) is left to a thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

from sidecar.decision_log import Line, LogBusyError
from sidecar.http import Response, Service
from sidecar.server.protocol import HttpProtocol
from sidecar.server.request import Request

LOG = logging.getLogger("sidecar")

MAX_LINES = 600
"""Lines that wait to be written together, but for those of one request."""

Unlogged: TypeAlias = list[tuple[HttpProtocol, Request, Response]]
"""Responses whose lines are not written yet."""

Deliver: TypeAlias = Callable[[Unlogged, Response | None, bool], None]
"""Sends responses; in place of each of them a refusal, or an error where writing failed."""


class DecisionLogWriter:
    """Gathers responses, writes their lines and has them sent."""

    def __init__(self, service: Service, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        """Prepare to write.

        Args:
            service: Writes lines.
            loop: The event loop, which calls `add` and `deliver`.
            deliver: Sends what has been logged.
        """
        self._service = service
        self._loop = loop
        self._deliver = deliver
        self._unlogged: Unlogged = []
        self._lines = 0
        self._queue: SimpleQueue[Unlogged] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="decision log", daemon=True)

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        if not self._thread.is_alive():
            self._thread.start()

    def add(self, connection: HttpProtocol, request: Request, response: Response) -> None:
        """Have the lines of a response written, and then the response sent."""
        if not self._unlogged:
            self._loop.call_soon(self.flush)
        self._unlogged.append((connection, request, response))
        self._lines += len(response.log_lines)
        if self._lines > MAX_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        unlogged, self._unlogged, self._lines = self._unlogged, [], 0
        if not unlogged:
            return
        try:
            refused, failed = self._write(unlogged, wait=False)
        except LogBusyError:
            self._queue.put(unlogged)
        else:
            self._deliver(unlogged, refused, failed)

    def _write(self, unlogged: Unlogged, *, wait: bool) -> tuple[Response | None, bool]:
        lines: list[Line] = []
        for _, _, response in unlogged:
            lines += response.log_lines
        try:
            return self._service.write_log(lines, wait=wait), False
        except LogBusyError:
            raise
        except Exception:
            # It must not end the worker, nor the thread.
            LOG.exception("requests failed")
            return None, True

    def _run(self) -> None:
        while True:
            unlogged = self._queue.get()
            refused, failed = self._write(unlogged, wait=True)
            try:
                self._loop.call_soon_threadsafe(self._deliver, unlogged, refused, failed)
            except RuntimeError:  # the event loop has ended
                return
