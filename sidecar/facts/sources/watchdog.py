"""A bound for the time that a peer may leave a socket silent.

A stopped server, or a network that drops packets, can block a client for minutes in spite of
keepalives and timeouts. To shut the socket down ends every wait for it with an error.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from math import inf
from threading import Event, Thread
from types import TracebackType
from typing import Self

from sidecar.watch import elapsed

_INTERVAL_SECONDS = 0.25


class Watchdog:
    """A context in which the peer of a socket must answer in time."""

    def __init__(self, descriptor: int, seconds: float) -> None:
        """Prepare to watch.

        Args:
            descriptor: The descriptor of the connected socket.
            seconds: How long the peer may be silent.
        """
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._seconds = seconds
        self._deadline = elapsed() + seconds
        self._ended = Event()
        self._thread = Thread(target=self._run, name="watchdog", daemon=True)
        self.expired = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def extend(self) -> None:
        """Begin to wait for the next answer."""
        self._deadline = elapsed() + self._seconds

    def pause(self) -> None:
        """Record that nothing is waited for."""
        self._deadline = inf

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            if elapsed() >= self._deadline:
                self.expired = True
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                return
