"""A bound for the time that a peer may leave a socket silent.

A stopped server, or a network that drops packets, can block a client for minutes in spite of
keepalives and timeouts. To shut the socket down ends every wait for it with an error.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from math import inf
from threading import Lock, Thread
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
        self._deadline = inf
        self.expired = False

    def __enter__(self) -> Self:
        self.extend()
        _GUARD.add(self)
        return self

    def extend(self) -> None:
        """Begin to wait for the next answer."""
        self._deadline = elapsed() + self._seconds

    def pause(self) -> None:
        """Record that nothing is waited for."""
        self._deadline = inf

    def check(self) -> None:
        """Shut the socket down if the peer has been silent for too long."""
        if not self.expired and elapsed() >= self._deadline:
            self.expired = True
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _GUARD.remove(self)
        self._socket.close()


class _Guard:
    """The one thread that checks all watchdogs of a process.

    A look has several, and to start and to end a thread for each would take longer than they do.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all watchdogs: threads do not survive a fork."""
        self._lock = Lock()
        self._active: set[Watchdog] = set()
        self._runs = False

    def add(self, watchdog: Watchdog) -> None:
        """Check a watchdog from now on."""
        with self._lock:
            self._active.add(watchdog)
            if not self._runs:
                self._runs = True
                Thread(target=self._run, name="watchdog", daemon=True).start()

    def remove(self, watchdog: Watchdog) -> None:
        """Check it no more; afterwards it does nothing."""
        with self._lock:
            self._active.discard(watchdog)

    def _run(self) -> None:
        while True:
            time.sleep(_INTERVAL_SECONDS)
            with self._lock:
                for watchdog in self._active:
                    watchdog.check()


_GUARD = _Guard()
os.register_at_fork(after_in_child=_GUARD.reset)
