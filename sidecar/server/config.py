"""What the server takes from the settings: addresses, credentials, tokens and limits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.config.settings import Settings
from sidecar.config.values import ANYONE, OFF
from sidecar.errors import InvalidSettingError
from sidecar.http.tokens import HOW_TO, Tokens
from sidecar.server.limits import Limits, require_descriptors
from sidecar.server.sockets import Address, resolve
from sidecar.server.tls import Credentials

if TYPE_CHECKING:
    from sidecar.http.key_set import KeySet

LOG = logging.getLogger("sidecar")

STRANGERS = (
    "others than this machine could ask at `{}`, and nothing says who may: give a file of tokens, "
    f"`--tokens FILE` or SIDECAR_TOKENS, and {HOW_TO}; or ask for certificates, `--client-ca FILE`;"
    f" or listen at 127.0.0.1 or a Unix socket; or say `--allow-anonymous {ANYONE}`"
)


ADMIN_STRANGERS = (
    "others than this machine could ask for the state of the sidecar at `{}`, and nothing says who"
    f" may: give a file of tokens, `--admin-tokens FILE` or SIDECAR_ADMIN_TOKENS, and {HOW_TO}; or"
    " listen at 127.0.0.1 or a Unix socket; or say `--admin off`"
)

ADMIN_MEND = "say where operators ask, `--admin HOST:PORT` or `--admin unix:PATH`, or `--admin off`"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminConfig:
    """Addresses, credentials and tokens of the admin listener."""

    addresses: Sequence[Address]
    tls: Credentials | None
    tokens: Tokens | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Addresses, credentials, tokens and limits of the server."""

    addresses: Sequence[Address]
    limits: Limits
    tls: Credentials | None
    tokens: Tokens | None
    keys: KeySet | None
    """By which the tokens of a gateway's clients are verified; None where there are no such."""
    allows_strangers: bool
    """Whether clients on other machines may connect: they are authenticated, or need not be."""
    admin: AdminConfig | None
    """None where operators do not ask."""


def read_config(settings: Settings) -> ServerConfig:
    """Read the files that the settings name, and refuse to serve clients that nobody meant.

    Raises:
        InvalidSettingError: A file cannot be used, clients on other machines could ask and nothing
            says who may, or the system allows too few open files.
    """
    addresses = resolve(settings.address())
    beyond = [address for address in addresses if not address.is_local]
    allows_strangers = bool(settings.tokens or settings.client_ca or settings.allow_anonymous)
    if beyond and not allows_strangers:
        raise InvalidSettingError(STRANGERS.format(beyond[0]))
    if settings.certificate is None and (settings.key or settings.client_ca):
        raise InvalidSettingError("a key and a client CA need a certificate: `--certificate FILE`")
    require_descriptors(settings.max_connections)
    tokens, tls = None, None
    if settings.tokens:
        tokens = Tokens(settings.tokens)
        tokens.load()
    if settings.certificate:
        tls = Credentials(settings.certificate, settings.key, settings.client_ca)
        tls.load()
    if tokens and not tls and beyond:
        _warn_of_plain_tokens(beyond[0])
    return ServerConfig(
        addresses=addresses,
        limits=Limits.from_settings(settings),
        tls=tls,
        tokens=tokens,
        keys=_read_keys(settings.jwks) if settings.jwks else None,
        allows_strangers=allows_strangers,
        admin=read_admin(settings),
    )


def _read_keys(file: Path) -> KeySet:
    try:
        from sidecar.http.key_set import KeySet  # noqa: PLC0415 - an extra
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] not in {"joserfc", *_BELOW}:
            raise
        raise InvalidSettingError(
            "--jwks: what verifies tokens is missing; install `sidecar[gateway]`"
        ) from error
    keys = KeySet(file)
    keys.load()
    return keys


_BELOW = frozenset({"cryptography", "cffi", "_cffi_backend"})
"""What joserfc needs."""


def read_admin(settings: Settings) -> AdminConfig | None:
    """Return how the admin listener is reached.

    Neither the tokens of callers nor their certificates admit anybody there, and nothing makes it
    public. On this machine it has no TLS: certificates name hosts.

    Raises:
        InvalidSettingError: A file cannot be used, or clients on other machines could ask and
            nothing says who may.
    """
    if settings.admin == OFF:
        if settings.admin_tokens:
            raise InvalidSettingError("`--admin-tokens` is of no use with `--admin off`")
        return None
    addresses = resolve(settings.admin)
    beyond = [address for address in addresses if not address.is_local]
    tokens, tls = None, None
    if settings.admin_tokens:
        tokens = Tokens(settings.admin_tokens)
        tokens.load()
    elif beyond:
        raise InvalidSettingError(ADMIN_STRANGERS.format(beyond[0]))
    if beyond and settings.certificate:
        tls = Credentials(settings.certificate, settings.key, client_ca=None)
        tls.load()
    elif beyond:
        _warn_of_plain_tokens(beyond[0])
    return AdminConfig(addresses=addresses, tls=tls, tokens=tokens)


def _warn_of_plain_tokens(address: Address) -> None:
    LOG.warning("tokens can be read on their way to `%s`, which has no TLS", address)
