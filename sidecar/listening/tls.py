"""TLS: our certificate, and whose certificates callers must show."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.errors import InvalidSettingError

LOG = logging.getLogger("sidecar")


@dataclass
class Credentials:
    """Files for TLS; what replaces them is taken for the next connection."""

    certificate: Path
    """Our certificate, and those between it and the root."""
    key: Path | None
    """None when it stands in the file of the certificate."""
    client_ca: Path | None
    """Who must have signed the certificates of callers; None when they need none."""
    _context: ssl.SSLContext | None = field(default=None, init=False, repr=False)
    _stamp: object = field(default=None, init=False, repr=False)

    def load(self) -> None:
        """Read the files for the first time.

        Raises:
            InvalidSettingError: They cannot be used.
        """
        self._stamp = self._look()
        try:
            self._context = self._read()
        except OSError as error:
            raise InvalidSettingError(self._sentence(error)) from error

    def context(self) -> ssl.SSLContext:
        """Return how to answer the next connection; after a bad edit the last good one stays."""
        stamp = self._look()
        if self._context is None or stamp != self._stamp:
            self._stamp = stamp
            try:
                self._context = self._read()
            except OSError as error:
                LOG.error("not taken, the last good one stays: %s", self._sentence(error))  # noqa: TRY400
                if self._context is None:
                    raise
        return self._context

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Not at the caller's pleasure: each time costs us more than the caller.
        context.options |= ssl.OP_NO_RENEGOTIATION
        # A key that needs a password is refused, where OpenSSL would ask the terminal for it.
        context.load_cert_chain(self.certificate, self.key, password="")
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _look(self) -> object:
        return tuple(_stamp(file) for file in self._files())

    def _files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.certificate, self.key, self.client_ca) if file)

    def _sentence(self, error: OSError) -> str:
        names = ", ".join(f"`{file}`" for file in self._files())
        said = error.strerror or getattr(error, "reason", None) or str(error)
        return f"the certificates for TLS ({names}) cannot be used: {said}"


def _stamp(file: Path) -> object:
    try:
        found = file.stat()
    except OSError as error:
        return error.errno
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
