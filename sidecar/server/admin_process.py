"""The process of the admin listener, which the master keeps running.

It is apart from the workers, so that what the operator asks keeps no caller waiting, and that there
is one answer for all workers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from flask import Flask

from sidecar.errors import InvalidSettingError
from sidecar.health import ProcessState, Troubles
from sidecar.http import Access
from sidecar.reload.memory import FOLLOWER_SCORE, end_before_others
from sidecar.server.config import ADMIN_MEND, AdminConfig
from sidecar.server.event_loop import EventLoop
from sidecar.server.kept_process import KeptProcess
from sidecar.server.limits import Limits
from sidecar.server.master import Master
from sidecar.server.service import Service
from sidecar.server.sockets import Address, listen
from sidecar.watch import elapsed

LOG = logging.getLogger("sidecar")

MAX_CONNECTIONS = 64
"""Connections at once: those of an operator, a probe and some collectors of metrics."""

THREADS = 2
"""One answers while a client of the other keeps it busy."""

STOP_SECONDS = 1.0
"""Seconds for running requests to end at a stop: less than until a kept process is killed."""


_HANDED_OVER = "SIDECAR_ADMIN_FD"
"""The variable by which a master hands the sockets to the one that gunicorn starts in its place."""


def listen_for_operators(config: AdminConfig, unix_mode: int) -> Sequence[socket.socket]:
    """Return the sockets of the admin listener.

    Raises:
        InvalidSettingError: An address cannot be listened at.
    """
    handed_over = os.environ.pop(_HANDED_OVER, "")  # noqa: TID251  as gunicorn does
    if handed_over:
        return [socket.socket(fileno=int(number)) for number in handed_over.split(",")]
    try:
        sockets = listen(config.addresses, unix_mode)
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{error}; {ADMIN_MEND}") from error
    shown = [Address.of(sock) for sock in sockets]
    LOG.info("operators ask at: %s", ", ".join(map(str, shown)))
    return sockets


def hand_over(master: Master) -> None:
    """Hand the sockets to the process that gunicorn starts in the place of this one."""
    sockets = [sock for process in master.app.kept for sock in process.sockets]
    for sock in sockets:
        sock.set_inheritable(True)
    master.cfg.env_orig[_HANDED_OVER] = ",".join(str(sock.fileno()) for sock in sockets)


def serve_operators(
    app: Callable[[Access], Flask],
    config: AdminConfig,
    sockets: Sequence[socket.socket],
    limits: Limits,
    sweep: Callable[[], bool],
) -> None:
    """Answer what operators ask until a signal ends it, or `sweep` does.

    Args:
        app: Returns what answers.
        config: Who may ask, and how connections are encrypted.
        sockets: Where connections are accepted.
        limits: Of requests.
        sweep: Called some times a second; returns whether to go on.
    """
    access = Access(config.tokens, takes_passwords=True)
    service = Service(
        application=app(access),
        http=None,
        access=access,
        limits=limits,
        threads=THREADS,
        access_log=None,
    )

    async def serve() -> None:
        event_loop = EventLoop(service, sockets, config.tls, stop_seconds=STOP_SECONDS, sweep=sweep)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, event_loop.stop)
        await event_loop.serve()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(serve())


class AdminProcess(KeptProcess):
    """The process of the admin listener, as the master sees it."""

    name = "admin process"

    def __init__(
        self,
        config: AdminConfig,
        sockets: Sequence[socket.socket],
        app: Callable[[Access], Flask],
        limits: Limits,
        reload_seconds: float,
    ) -> None:
        """Prepare to start it.

        Args:
            config: Who may ask, and how connections are encrypted.
            sockets: Where it accepts connections.
            app: Returns what answers, in the process.
            limits: Of requests, as those of the workers.
            reload_seconds: Between two looks at the files of tokens and certificates.
        """
        super().__init__(sockets=sockets)
        self._config = config
        self._app = app
        most = min(limits.max_connections, MAX_CONNECTIONS)
        self._limits = replace(limits, max_connections=most)
        self._reload_seconds = reload_seconds
        self._started = 0.0
        self._troubles = Troubles(time.time)

    def run(self, master: int) -> None:
        """Answer until told to stop, or until the master has ended."""
        end_before_others(FOLLOWER_SCORE)
        tokens, tls = self._config.tokens, self._config.tls
        if tokens is not None:
            tokens.begin()
            tokens.start(self._reload_seconds)
        if tls is not None:
            tls.look()
            tls.start(self._reload_seconds)
        self._started = time.time()
        serve_operators(
            self._app,
            self._config,
            self.sockets,
            self._limits,
            sweep=lambda: self._report() and os.getppid() == master,
        )

    def _report(self) -> bool:
        tokens, tls = self._config.tokens, self._config.tls
        problems = [*tokens.problems, *tokens.failures] if tokens else []
        problems += tls.problems() if tls else []
        state = ProcessState(
            kind="admin",
            pid=os.getpid(),
            started=self._started,
            reported=elapsed(),
            problems=self._troubles.of(problems),
            certificate_until=tls.expires if tls else None,
        )
        self.publish(state)
        return True
