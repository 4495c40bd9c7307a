"""The edge as the settings say: where to listen, who may ask, and how much is taken in."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sidecar.config.settings import Settings
from sidecar.config.values import ANYONE
from sidecar.errors import InvalidSettingError
from sidecar.http.tokens import HOW_TO, Tokens
from sidecar.server.addresses import Address, resolve
from sidecar.server.bounds import Bounds
from sidecar.server.tls import Credentials

LOG = logging.getLogger("sidecar")

STRANGERS = (
    "others than this machine could ask at `{}`, and nothing says who may: give a file of tokens, "
    f"`--tokens FILE` or SIDECAR_TOKENS, and {HOW_TO}; or ask for certificates, `--client-ca FILE`;"
    f" or listen at 127.0.0.1 or a Unix socket; or say `--allow-anonymous {ANYONE}`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where to listen, who may ask, and how much is taken in."""

    address: Address
    bounds: Bounds
    tls: Credentials | None
    tokens: Tokens | None
    strangers: bool
    """Whether others than this machine may be listened to: they are known, or need not be."""


def open_edge(settings: Settings) -> Edge:
    """Read the files of the edge, and make sure that nobody can ask whom nobody thought of.

    Raises:
        InvalidSettingError: A file cannot be used, or others than this machine could ask and
            nothing says who may.
    """
    address = resolve(settings.address())
    strangers = bool(settings.tokens or settings.client_ca or settings.allow_anonymous)
    if not address.is_local and not strangers:
        raise InvalidSettingError(STRANGERS.format(address.text))
    if settings.certificate is None and (settings.key or settings.client_ca):
        raise InvalidSettingError("a key and a client CA need a certificate: `--certificate FILE`")
    tokens, tls = None, None
    if settings.tokens:
        tokens = Tokens(settings.tokens)
        tokens.load()
    if settings.certificate:
        tls = Credentials(settings.certificate, settings.key, settings.client_ca)
        tls.load()
    if tokens and not tls and not address.is_local:
        LOG.warning("tokens can be read on their way to `%s`, which has no TLS", address.text)
    return Edge(
        address=address, bounds=_bounds(settings), tls=tls, tokens=tokens, strangers=strangers
    )


def _bounds(settings: Settings) -> Bounds:
    return Bounds(
        max_head_bytes=settings.max_head_bytes,
        max_body_bytes=settings.max_body_bytes,
        max_connections=settings.max_connections,
        max_waiting=settings.max_waiting,
        transfer_seconds=settings.transfer_seconds,
        request_seconds=settings.request_seconds,
        idle_seconds=settings.idle_seconds,
    )
