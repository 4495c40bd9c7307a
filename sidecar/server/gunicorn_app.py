"""Serving: gunicorn around the application, and the reloading in each of its workers."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from pathlib import Path
from threading import Thread
from typing import Protocol

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]  # it has no types

from sidecar.compiler import SharedCompiling, compile_cached
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.engine import prepare_kinds
from sidecar.errors import InvalidSettingError
from sidecar.http import Access, Limits, Paging, Standard, create_app, hot, new_key, read_key
from sidecar.reload import BundlePlaces, Places, Reloading, SharedPair
from sidecar.server import STRANGERS, Edge, Worker, is_local, open_edge

LOG = logging.getLogger("sidecar")

EXIT_TROUBLE = 2
"""Of a server that cannot listen, or whose workers do not start."""

DEFER_SECONDS = 5
"""How long the kernel keeps a connection to itself that nothing has been sent on."""

SWITCH_SECONDS = 0.0005
"""How long a thread that reads a mount may keep one that answers waiting: the default is 5 ms at
each of its steps, which measured as 65 ms for a request while 20,000 rows were read, now 11 ms."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  gunicorn makes its own file there, unnamed


class _Listener(Protocol):
    sock: socket.socket


class _Arbiter(Protocol):
    LISTENERS: Sequence[_Listener]


class _Worker(Protocol):
    age: int
    """How many workers had been started, this one included."""
    alive: bool

    def notify(self) -> None: ...


class _Server(BaseApplication):  # type: ignore[misc]  # its base is untyped
    """gunicorn without its command line, its configuration file and its environment variables."""

    def __init__(self, app: Flask, edge: Edge, options: dict[str, object]) -> None:
        self.bounds = edge.bounds
        self.tls = edge.tls.context if edge.tls else None
        self.hot = hot(app)
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._app


def serve(settings: Settings) -> None:
    """Answer until told to stop.

    The policy is compiled and the mount read once, before the workers are forked; then each of
    them looks after itself. Facts that cannot be used are waited for.

    Raises:
        InvalidDocumentsError: The policy cannot be used.
        InvalidSettingError: A key, the tokens or the certificates cannot be used, the decision log
            cannot be written, or others than this machine could ask and nothing says who may.
        SystemExit: The server has ended: 0 when it was told to, 2 when it could not go on.
    """
    _log_to_standard_error(settings.log_level)
    edge, standard, log = open_edge(settings), _standard(settings), _decision_log(settings)
    reloading = Reloading(_places(settings), prepare_kinds, shared=SharedPair())
    reloading.prepare()
    limits = Limits(
        max_body_bytes=settings.max_body_bytes,
        max_depth=settings.max_depth,
        max_evaluations=settings.max_evaluations,
    )
    access = Access(edge.tokens)
    app = create_app(
        reloading,
        limits=limits,
        standard=standard,
        log=log,
        access=access,
        max_staleness=_max_staleness(settings),
    )
    # What all workers share is never looked at by their garbage collectors, and stays shared.
    gc.collect()
    gc.freeze()
    _run(_Server(app, edge, _options(settings, edge, reloading)))


def _places(settings: Settings) -> Places | BundlePlaces:
    if settings.bundle is not None:
        return BundlePlaces(settings.bundle, settings.mount())
    compiling = SharedCompiling() if hasattr(os, "memfd_create") else compile_cached
    return Places(settings.policies, settings.fixtures, settings.mount(), compiling)


def _max_staleness(settings: Settings) -> float:
    if settings.max_staleness is None:
        return inf
    if settings.max_staleness <= settings.reload_seconds:
        raise InvalidSettingError(
            f"`--max-staleness {settings.max_staleness:g}` would deny between two looks; say more "
            f"than `--reload-seconds {settings.reload_seconds:g}`"
        )
    return settings.max_staleness


def _standard(settings: Settings) -> Standard:
    """Choose the key of pages here, before the workers are forked: all of them share it."""
    paging = Paging(
        page_size=settings.page_size,
        max_page_size=settings.max_page_size,
        key=read_key(settings.page_key) if settings.page_key else new_key(),
    )
    return Standard(public_url=settings.public_url, paging=paging, context=settings.authzen_context)


def _decision_log(settings: Settings) -> DecisionLog | None:
    """Open the log here, before the workers are forked: they share its turns and its key."""
    if not settings.decision_log:
        return None
    key = settings.decision_log_key
    hashing = Hashing.by_file(key) if key else Hashing.for_this_start()
    try:
        file = LineFile(settings.decision_log)
    except OSError as error:
        message = f"the decision log `{settings.decision_log}` cannot be written: {error.strerror}"
        raise InvalidSettingError(message) from error
    return DecisionLog(file, hashing, OnFailure(settings.decision_log_failure))


def _run(server: _Server) -> None:
    us = os.getpid()
    try:
        server.run()
    except SystemExit as end:
        # The workers end here too, with statuses that gunicorn reads.
        if os.getpid() == us and end.code:
            raise SystemExit(EXIT_TROUBLE) from end
        raise


def _options(settings: Settings, edge: Edge, reloading: Reloading) -> dict[str, object]:
    def begin(worker: _Worker) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        if edge.tokens:
            edge.tokens.begin()
            _start(worker, partial(edge.tokens.start, settings.reload_seconds))
        if worker.age > settings.workers:
            _catch_up(worker, reloading)
        _start(worker, partial(reloading.start, settings.reload_seconds))

    return {
        # A list: gunicorn would divide a text at its commas.
        "bind": [edge.address.text],
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": Worker,
        "preload_app": True,
        "when_ready": partial(_prepare, strangers=edge.strangers),
        "post_worker_init": begin,
        "certfile": str(settings.certificate) if settings.certificate else None,
        "keyfile": str(settings.key) if settings.key else None,
        "limit_request_line": settings.max_line_bytes,
        "limit_request_fields": settings.max_header_fields,
        "limit_request_field_size": settings.max_header_bytes,
        "graceful_timeout": settings.stop_seconds,
        "worker_tmp_dir": str(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else None,
        "control_socket_disable": True,
        "proc_name": "sidecar",
        "loglevel": settings.log_level,
        "accesslog": "-" if settings.access_log else None,
        # Forwarded headers mean nothing to us, so nobody is trusted to set them.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
    }


def _prepare(arbiter: _Arbiter, *, strangers: bool) -> None:
    """Look at the sockets before anybody is answered; a supervisor may have handed them to us.

    Raises:
        SystemExit: Others can reach one of them, and nothing says that they may.
    """
    for listener in arbiter.LISTENERS:
        family, name = listener.sock.family, listener.sock.getsockname()
        if not strangers and not is_local(family, str(name[0])):
            LOG.error("%s", STRANGERS.format(name[0]))
            raise SystemExit(EXIT_TROUBLE)
        if family != socket.AF_UNIX and hasattr(socket, "TCP_DEFER_ACCEPT"):
            # A connection without a request is none.
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_SECONDS)


def _start(worker: _Worker, begin: Callable[[], None]) -> None:
    """Start a thread, as soon as the system has one: without it nothing would be looked at."""
    told = False
    while worker.alive:
        try:
            return begin()
        except RuntimeError:
            if not told:
                LOG.exception("there is no thread to be had; trying again")
            told = True
            worker.notify()
            time.sleep(1.0)
    return None


def _catch_up(worker: _Worker, reloading: Reloading) -> None:
    """Let a worker that replaces a dead one take what the others have, however long it takes."""
    reading = Thread(target=reloading.begin, name="begin", daemon=True)
    _start(worker, reading.start)
    while worker.alive and reading.is_alive():
        worker.notify()
        reading.join(1.0)


def _log_to_standard_error(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        # The same line as gunicorn's own.
        format="%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
        datefmt="[%Y-%m-%d %H:%M:%S %z]",
    )
