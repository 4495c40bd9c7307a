"""Serving: gunicorn around the application, and the reloading in each of its workers."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from math import inf
from pathlib import Path

from flask import Flask

from sidecar.admin import create_admin_app
from sidecar.config.settings import Settings
from sidecar.decision_log import DecisionLog
from sidecar.errors import InvalidSettingError
from sidecar.health import Health, Reporter, SharedStates
from sidecar.http import (
    Access,
    Paging,
    Standard,
    create_app,
    new_key,
    read_key,
    service_of,
)
from sidecar.http import Limits as RequestLimits
from sidecar.http.endpoints import ENDPOINTS, PREFIXES
from sidecar.http.errors import CAUSES
from sidecar.http.subjects import TokenVerifier
from sidecar.metrics import Counters, Layout, Memory
from sidecar.metrics.catalog import LOOKS
from sidecar.server.access_log import AccessLog
from sidecar.server.admin_pages import AdminPages
from sidecar.server.admin_process import AdminProcess, hand_over, listen_for_operators
from sidecar.server.config import STRANGERS, AdminConfig, ServerConfig, read_config
from sidecar.server.decision_log import open_decision_log
from sidecar.server.facts import facts_of
from sidecar.server.kept_process import KeptProcess
from sidecar.server.limits import Limits
from sidecar.server.master import (
    Application,
    Master,
    assign_slot,
    count_exit,
    leave_sockets,
    slots_for,
)
from sidecar.server.service import Service
from sidecar.server.sockets import is_local, listen
from sidecar.server.worker import Worker
from sidecar.server.worker_start import OwnReport, StartedWorker, WorkerStart

LOG = logging.getLogger("sidecar")

EXIT_TROUBLE = 2
"""Of a server that cannot listen, or whose workers do not start."""

DEFER_SECONDS = 5
"""How long the kernel keeps a connection to itself that nothing has been sent on."""

_INHERITED_SOCKETS = ("LISTEN_FDS", "GUNICORN_FD")
"""Variables by which a supervisor, or gunicorn itself, hands sockets over."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  gunicorn makes its own file there, unnamed


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
    config, standard, log = read_config(settings), _standard(settings), open_decision_log(settings)
    slots = slots_for(2, settings.workers)
    counters = Counters(Memory(Layout([each.path for each in ENDPOINTS], CAUSES, PREFIXES), slots))
    reloading, follower = facts_of(settings, counters)
    limits = RequestLimits(
        max_body_bytes=settings.max_body_bytes,
        max_depth=settings.max_depth,
        max_evaluations=settings.max_evaluations,
    )
    max_staleness = _max_staleness(settings)
    states = SharedStates(slots)
    pages = AdminPages(
        settings=settings,
        config=config,
        states=states,
        max_staleness=max_staleness,
        counters=counters,
        reloading=reloading,
        log=log,
    )
    access, verifier, report = Access(config.tokens), _verifier(config), OwnReport(states)

    def health() -> Health:
        report.publish()
        return pages.health()

    app = create_app(
        reloading,
        limits=limits,
        standard=standard,
        counters=counters,
        log=log,
        access=access,
        tokens=verifier,
        max_staleness=max_staleness,
        min_revision_seconds=settings.min_revision_seconds,
        request_look=follower.request_look if follower else None,
        health=health,
    )
    # What all workers share is never looked at by their garbage collectors, and stays shared.
    gc.collect()
    gc.freeze()
    service = partial(_service, app, access, config, settings, counters)
    kept: list[KeptProcess] = [follower] if follower else []
    if config.admin:
        kept.append(_admin_process(settings, config.admin, config.limits, pages))
    reporter = partial(
        Reporter,
        pairs=reloading,
        log=log,
        max_staleness=max_staleness,
        access=access,
        verifier=verifier,
        certificate=config.tls,
    )
    if follower:
        follower.on_look = partial(_count_look, counters)
    begin = WorkerStart(settings, config, reloading, log, reporter, report, counters).begin
    options = _options(settings, config, begin)
    if log:
        options["worker_exit"] = partial(_end, log)
    application = Application(
        app=app,
        service=service,
        tls=config.tls,
        options=options,
        kept=kept,
        states=states,
        counters=counters,
    )
    _run(application)


def _count_look(counters: Counters, is_complete: bool) -> None:  # noqa: FBT001  as `on_look` has it
    counters.add(LOOKS, "completed" if is_complete else "failed")


def _admin_process(
    settings: Settings, config: AdminConfig, limits: Limits, pages: AdminPages
) -> AdminProcess:
    """Return the process of the admin listener; its sockets listen already."""

    def app(access: Access) -> Flask:
        return create_admin_app(access, limits.max_body_bytes, pages.blueprints(access))

    sockets = listen_for_operators(config, int(settings.socket_mode, 8))
    return AdminProcess(config, sockets, app, limits, settings.reload_seconds)


def _service(
    app: Flask, access: Access, config: ServerConfig, settings: Settings, counters: Counters
) -> Service:
    """Return what answers the requests of one worker, in its process."""
    access_log = AccessLog(counters) if settings.access_log else None
    return Service(
        application=app,
        http=service_of(app),
        access=access,
        limits=config.limits,
        threads=settings.threads,
        access_log=access_log,
        counters=counters,
    )


def _verifier(config: ServerConfig) -> TokenVerifier | None:
    if config.keys is None:
        return None
    from sidecar.http.jwt import JwtVerifier  # noqa: PLC0415 - an extra, which has been found

    return JwtVerifier(config.keys)


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


def _run(server: Application) -> None:
    us = os.getpid()
    try:
        server.run()
    except SystemExit as end:
        # The workers end here too, with statuses that gunicorn reads.
        if os.getpid() == us and end.code:
            raise SystemExit(EXIT_TROUBLE) from end
        raise


def _end(log: DecisionLog, _: Master, __: StartedWorker) -> None:
    """End the decision log in the process of a worker, which answers nothing any more."""
    log.end()


def _options(
    settings: Settings, config: ServerConfig, begin: Callable[[StartedWorker], None]
) -> dict[str, object]:
    return {
        "bind": _bind(settings, config),
        "workers": settings.workers,
        "worker_class": Worker,
        "preload_app": True,
        "when_ready": partial(_prepare, allows_strangers=config.allows_strangers),
        "pre_fork": assign_slot,
        "post_fork": leave_sockets,
        "child_exit": count_exit,
        "post_worker_init": begin,
        "pre_exec": hand_over,
        "certfile": str(settings.certificate) if settings.certificate else None,
        "keyfile": str(settings.key) if settings.key else None,
        "graceful_timeout": settings.stop_seconds,
        "worker_tmp_dir": str(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else None,
        "control_socket_disable": True,
        "proc_name": "sidecar",
        "loglevel": settings.log_level,
        "accesslog": "-" if settings.access_log else None,
    }


def _bind(settings: Settings, config: ServerConfig) -> list[str]:
    """Return where gunicorn listens: at sockets that exist already.

    gunicorn itself would take a Unix socket from a live server, and let everybody connect to it.
    """
    if any(name in os.environ for name in _INHERITED_SOCKETS):  # noqa: TID251  gunicorn's own
        return [str(address) for address in config.addresses]  # not used: sockets are inherited
    sockets = listen(config.addresses, int(settings.socket_mode, 8))
    return [f"fd://{sock.detach()}" for sock in sockets]


def _prepare(master: Master, *, allows_strangers: bool) -> None:
    """Look at the sockets before anybody is answered; a supervisor may have handed them to us.

    Raises:
        SystemExit: Others can reach one of them, and nothing says that they may.
    """
    for listener in master.LISTENERS:
        family, name = listener.sock.family, listener.sock.getsockname()
        if not allows_strangers and not is_local(family, str(name[0])):
            LOG.error("%s", STRANGERS.format(name[0]))
            raise SystemExit(EXIT_TROUBLE)
        if family != socket.AF_UNIX and hasattr(socket, "TCP_DEFER_ACCEPT"):
            # A connection without a request is none.
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFER_SECONDS)


def _log_to_standard_error(level: str) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        # The same line as gunicorn's own.
        format="%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
        datefmt="[%Y-%m-%d %H:%M:%S %z]",
    )
