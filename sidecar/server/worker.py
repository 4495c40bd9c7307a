"""The worker: one process, whose event loop holds all connections."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import Protocol, cast

from gunicorn.workers import base  # type: ignore[import-untyped]  # it has no types

from sidecar.server.event_loop import EventLoop
from sidecar.server.service import Service
from sidecar.server.tls import Credentials


class ServerApplication(Protocol):
    """What the worker needs of gunicorn's application."""

    tls: Credentials | None

    def service(self) -> Service:
        """Return what answers requests, in this process."""


class Worker(base.Worker):  # type: ignore[misc]  # its base is untyped
    """One process of the sidecar, as gunicorn starts and stops it."""

    def run(self) -> None:
        """Serve until told to stop, and then until all who have asked have their responses."""
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        application = cast("ServerApplication", self.app)
        event_loop = EventLoop(
            application.service(),
            [cast("socket.socket", listener.sock) for listener in self.sockets],
            application.tls,
            stop_seconds=self.cfg.graceful_timeout,
            sweep=self._sweep,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, event_loop.stop)
        self.alive: bool
        if not self.alive:  # told to stop before the event loop began
            event_loop.stop()
        await event_loop.serve()
        self.alive = False

    def _sweep(self) -> bool:
        """Tell gunicorn that this process lives; return whether its master does, too."""
        self.notify()
        return bool(self.ppid == os.getppid())
