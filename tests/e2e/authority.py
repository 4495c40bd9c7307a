"""A CA of a test's own, and the certificates that it signs."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


class Authority:
    """A CA, and the certificates that it signs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.file = directory / "ca.pem"
        self._key = directory / "ca.key"
        self._openssl(
            f"req -x509 {_KEY} -subj /CN=authority -keyout {self._key} -out {self.file} "
            "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        )

    def sign(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate and of its key."""
        files = [self._directory / f"{name}.{kind}" for kind in ("pem", "key", "csr", "ext")]
        certificate, key, request, extensions = files
        extensions.write_text("subjectAltName=DNS:localhost\n")
        self._openssl(f"req {_KEY} -subj /CN={name} -keyout {key} -out {request}")
        self._openssl(
            f"x509 -req -days 1 -in {request} -CA {self.file} -CAkey {self._key} -CAcreateserial "
            f"-extfile {extensions} -out {certificate}"
        )
        return certificate, key

    def context(self, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Return how a caller connects that trusts this CA, and shows a certificate or none."""
        context = ssl.create_default_context(cafile=str(self.file))
        if shown:
            context.load_cert_chain(shown[0], shown[1])
        return context

    def _openssl(self, command: str) -> None:
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True)  # noqa: S603, S607  of the machine
