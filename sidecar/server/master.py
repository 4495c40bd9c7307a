"""The master: gunicorn's process that starts the workers, and the processes beside them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]

from sidecar.server.kept_process import KeptProcess
from sidecar.server.service import Service
from sidecar.server.sockets import SocketFile
from sidecar.server.tls import Credentials


class Application(BaseApplication):  # type: ignore[misc]  # its base is untyped
    """gunicorn without its command line, its configuration file and its environment variables."""

    def __init__(
        self,
        app: Flask,
        service: Callable[[], Service],
        tls: Credentials | None,
        options: dict[str, object],
        kept: Sequence[KeptProcess],
    ) -> None:
        self.kept = kept
        self.service = service
        self.tls = tls
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn our options; it calls this again at a SIGHUP."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application of callers."""
        return self._app

    def run(self) -> None:
        """Serve until told to stop."""
        Master(self).run()


class Master(Arbiter):  # type: ignore[misc]  # its base is untyped
    """The process that starts the workers; it removes no socket of another server."""

    def __init__(self, app: Application) -> None:
        super().__init__(app)
        # At SIGUSR2 it starts what this process was started as, `python -m sidecar` included.
        self.START_CTX["args"] = sys.orig_argv

    def start(self) -> None:
        """Begin to listen, and remember which files of sockets are ours."""
        super().start()
        listening = [] if self.systemd else [listener.sock for listener in self.LISTENERS]
        listening += [sock for process in self.app.kept for sock in process.sockets]
        names = [sock.getsockname() for sock in listening if _is_unix(sock)]
        self.socket_files = [SocketFile.of(name) for name in names if isinstance(name, str)]

    def manage_workers(self) -> None:
        """Start the processes that are missing."""
        for process in () if self.reexec_pid else self.app.kept:
            process.keep_running(partial(self._leave, process))
        super().manage_workers()

    def _leave(self, process: KeptProcess) -> None:
        """Close, in the process of one, what only the others use."""
        for listener in self.LISTENERS:
            listener.sock.close()
        for other in self.app.kept:
            if other is not process:
                other.close_sockets()

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002  gunicorn's signature
        """End all processes, those of the workers first."""
        # A process that gunicorn starts in this one's place goes on with the same sockets.
        if self.reexec_pid == self.master_pid == 0:
            for file in self.socket_files:
                file.remove()
            self.socket_files = []
        for listener in [each for each in self.LISTENERS if _is_unix(each.sock)]:
            listener.close()
            self.LISTENERS.remove(listener)
        super().stop(graceful)
        for process in self.app.kept:
            process.stop()


def leave_sockets(master: Master, _worker: object) -> None:
    """Close, in the process of a worker, the sockets of the processes beside it."""
    for process in master.app.kept:
        process.close_sockets()


def _is_unix(sock: socket.socket) -> bool:
    return sock.family is socket.AF_UNIX
