"""TLS: our certificate, and the CA that must have signed the certificates of clients."""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sidecar.errors import InvalidSettingError, Problem
from sidecar.watch import CheckLoop, Fingerprint, Fingerprints, digest_of, read_file

LOG = logging.getLogger("sidecar")

MAX_FILE_BYTES = 4 * 1024 * 1024


@dataclass
class Credentials:
    """Files for TLS, read again by a thread whenever they change.

    The event loop only takes `context`: no connection waits for a file.
    """

    certificate: Path
    """Our certificate, and those between it and the root."""
    key: Path | None
    """None when it stands in the file of the certificate."""
    client_ca: Path | None
    """Who must have signed the certificates of clients; None when they need none."""
    _context: ssl.SSLContext | None = field(default=None, init=False, repr=False)
    _fingerprints: Fingerprints = field(default_factory=Fingerprints, init=False, repr=False)
    _read_last: Fingerprint | None = field(default=None, init=False, repr=False)
    """What was read last, good or bad; None where it could not be read."""
    expires: float | None = field(default=None, init=False)
    """When the certificate in use expires, in seconds since 1970; None before it is read."""
    _problem: str = field(default="", init=False, repr=False)
    """What the log says is wrong."""

    def __post_init__(self) -> None:
        self._loop = CheckLoop(str(self.certificate), self.look)

    @property
    def context(self) -> ssl.SSLContext:
        """How to answer the next connection; after a bad edit it stays the last good one.

        Raises:
            InvalidSettingError: The files have never been read.
        """
        if self._context is None:
            raise InvalidSettingError("the certificates for TLS have not been read")
        return self._context

    def load(self) -> None:
        """Read the files for the first time.

        Raises:
            InvalidSettingError: They cannot be used.
        """
        try:
            self._read()
        except OSError as error:
            raise InvalidSettingError(self._sentence(error)) from error

    def start(self, seconds: float) -> None:
        """Look at the files so often, in a thread.

        Raises:
            RuntimeError: The system gives us no thread.
        """
        self._loop.start(seconds)

    def look(self) -> None:
        """Read the files if they have changed; what is wrong with them is logged once."""
        found = self._fingerprints.take({str(file): file for file in self._files()})
        if found == self._read_last:
            return
        problem = ""
        try:
            self._read()
        except OSError as error:
            problem = self._sentence(error)
            if problem != self._problem:
                LOG.error("not taken, the last good one stays: %s", problem)  # noqa: TRY400
        self._problem = problem

    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the files, and with looking at them."""
        found = (Problem(str(self.certificate), 0, self._problem),) if self._problem else ()
        return (*found, *self._loop.problems())

    def _read(self) -> None:
        self._read_last = None  # files that cannot be read are tried again
        contents = {file: read_file(file, MAX_FILE_BYTES) for file in self._files()}
        self._read_last = {str(file): digest_of(content) for file, content in contents.items()}
        self._context = _context(
            contents[self.certificate],
            contents[self.key or self.certificate],
            contents[self.client_ca] if self.client_ca else None,
        )
        self.expires = _expiry(contents[self.certificate])

    def _files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.certificate, self.key, self.client_ca) if file)

    def _sentence(self, error: OSError) -> str:
        names = ", ".join(f"`{file}`" for file in self._files())
        problem = error.strerror or getattr(error, "reason", None) or str(error)
        if isinstance(error, ssl.SSLError):
            problem += "; give a certificate and its own key, both in PEM"
        return f"the certificates for TLS ({names}) cannot be used: {problem}"


def _context(certificate: bytes, key: bytes, client_ca: bytes | None) -> ssl.SSLContext:
    """Return a context of these contents.

    Raises:
        OSError: They cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Renegotiation costs us more than the client.
    context.options |= ssl.OP_NO_RENEGOTIATION
    # OpenSSL reads files only, and would wait for the writer of a pipe: it gets private copies.
    with _copy(certificate) as first, _copy(key) as second:
        # A key that needs a password is refused, where OpenSSL would ask the terminal for it.
        context.load_cert_chain(first, second, password="")
    if client_ca is not None:
        with _copy(client_ca) as file:
            context.load_verify_locations(file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _expiry(certificate: bytes) -> float:
    """Return when a certificate expires, in seconds since 1970: the first of the file is ours."""
    with _copy(certificate) as file:
        # The standard library parses certificates, and has no other name for it.
        decoded = ssl._ssl._test_decode_cert(file)  # type: ignore[attr-defined]  # noqa: SLF001
    return float(ssl.cert_time_to_seconds(decoded["notAfter"]))


@contextmanager
def _copy(content: bytes) -> Iterator[str]:
    """Put a content into a file that nobody else can read, in memory where that is possible."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as stream:
            stream.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
