"""TLS: our certificate, and whose certificates callers must show."""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.errors import InvalidSettingError
from sidecar.watch import Fingerprint, Fingerprints, open_regular

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
    _fingerprints: Fingerprints = field(default_factory=Fingerprints, init=False, repr=False)
    _taken: Fingerprint | None = field(default=None, init=False, repr=False)
    """What was read last, good or bad; None where it could not be read."""
    _told: str = field(default="", init=False, repr=False)
    """What the log says is wrong."""

    def load(self) -> None:
        """Read the files for the first time.

        Raises:
            InvalidSettingError: They cannot be used.
        """
        self._taken = self._fingerprint()
        try:
            self._context = self._read()
        except OSError as error:
            raise InvalidSettingError(self._sentence(error)) from error

    def context(self) -> ssl.SSLContext:
        """Return how to answer the next connection; after a bad edit the last good one stays."""
        found = self._fingerprint()
        if self._context is None or found != self._taken:
            self._taken, told = found, ""
            try:
                self._context = self._read()
            except OSError as error:
                told = self._sentence(error)
                if not isinstance(error, ssl.SSLError):
                    self._taken = None  # perhaps there is no descriptor left; it is tried again
                if told != self._told:
                    LOG.error("not taken, the last good one stays: %s", told)  # noqa: TRY400
                if self._context is None:
                    raise
            finally:
                self._told = told
        return self._context

    def _read(self) -> ssl.SSLContext:
        for file in self._files():
            open_regular(file).close()  # OpenSSL would wait for the writer of a pipe
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

    def _fingerprint(self) -> Fingerprint:
        return self._fingerprints.take({str(file): file for file in self._files()})

    def _files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.certificate, self.key, self.client_ca) if file)

    def _sentence(self, error: OSError) -> str:
        names = ", ".join(f"`{file}`" for file in self._files())
        said = error.strerror or getattr(error, "reason", None) or str(error)
        return f"the certificates for TLS ({names}) cannot be used: {said}"
