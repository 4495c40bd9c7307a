"""The web page for one pack and one world, without a sidecar."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from flask import Flask

from sidecar.admin import create_admin_app
from sidecar.config.settings import Settings
from sidecar.engine import prepare_kinds
from sidecar.http import Access
from sidecar.page import Page, create_pages
from sidecar.page.reviewer import reviewer_of
from sidecar.reload import BundlePlaces, Places, Reloading
from sidecar.server.admin_process import serve_operators
from sidecar.server.config import read_admin
from sidecar.server.limits import Limits
from sidecar.server.sockets import Address, listen

LOG = logging.getLogger("sidecar")


def serve_page(settings: Settings, address: str, announce: Callable[[str], None]) -> None:
    """Serve the page until a signal ends it; edited files are shown as `serve` would take them.

    Args:
        settings: The pack or the bundle, the directory of the facts, and the tokens.
        address: ``HOST:PORT`` or ``unix:PATH``.
        announce: Called with each address, once connections are accepted.

    Raises:
        InvalidDocumentsError: The pack cannot be used.
        InvalidSettingError: It cannot listen there, or others than this machine could ask and
            nothing says who may.
    """
    config = read_admin(replace(settings, admin=address))
    if config is None:
        return
    places: Places | BundlePlaces = Places(settings.policies, settings.fixtures, settings.mount())
    if settings.bundle is not None:
        places = BundlePlaces(settings.bundle, settings.mount())
    reloading = Reloading(places, prepare_kinds)
    reloading.prepare()
    reloading.start(settings.reload_seconds)
    if config.tokens is not None:
        config.tokens.begin()
        config.tokens.start(settings.reload_seconds)

    def app(access: Access) -> Flask:
        page = Page(
            pairs=reloading,
            clock=lambda: datetime.now(UTC),  # noqa: TID251  the wiring reads the clock
            has_tokens=access.asks,
            reviewer=reviewer_of(settings),
        )
        return create_admin_app(access, settings.max_body_bytes, [create_pages(page)])

    sockets = listen(config.addresses, int(settings.socket_mode, 8))
    for sock in sockets:
        announce(str(Address.of(sock)))
    serve_operators(app, config, sockets, Limits.from_settings(settings), sweep=lambda: True)
