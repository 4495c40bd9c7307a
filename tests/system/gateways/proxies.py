"""Real proxies, with the configurations of `deploy/gateways/` as they are shipped."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection

from tests.e2e.running import until
from tests.paths import ROOT
from tests.patience import PATIENCE
from tests.system.gateways.oracle import SUBJECTS
from tests.system.postgres import free_port

TOKEN = "the-token-of-the-proxy-0123456789"  # noqa: S105  a test's
SHA1 = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
BCRYPT = "$2b$04$sEeAXo3gSdlk70RiYI9DHeLIJf.uKEfmikfOZC1iOocxRWHnLDtrK"
"""Hashes of the password `secret`."""


@dataclass(frozen=True)
class Proxy:
    """How one kind of proxy is started, and what its configuration says of addresses."""

    name: str
    file: str
    """The configuration; `{}` is how the subject is identified."""
    command: tuple[str, ...]
    """`{}` is the configuration."""
    addresses: tuple[str, str, str]
    """As it is shipped: of the proxy, of the sidecar, and of the service; each ends in a port."""
    status_on_failure: int
    """What a client gets if no sidecar listens."""
    status_on_silence: int
    """What it gets if the sidecar does not answer in time."""
    passes_body: bool
    """Whether the body of a denial reaches the client."""

    http2: tuple[str, str]
    """Text of the configuration, and what stands in its place to speak HTTP/2 without TLS."""

    @contextmanager
    def running(
        self,
        directory: Path,
        mode: str,
        sidecar: int,
        service: int,
        *,
        token: str = TOKEN,
        edit: tuple[str, str] = ("", ""),
    ) -> Iterator[int]:
        """Run it until the block ends; yield its port.

        Args:
            directory: For its files; it does not exist yet.
            mode: How the subject is identified, `header` or `jwt`.
            sidecar: The port that is asked.
            service: The port that gets the authorized requests.
            token: What the proxy sends the sidecar as its own.
            edit: Text of the configuration, and what is put in its place.
        """
        port = free_port()
        shutil.copytree(ROOT / "deploy" / "gateways" / self.name, directory)
        (directory / "users").write_text("".join(f"{name}:{SHA1}\n" for name in SUBJECTS))
        (directory / "users.caddy").write_text("".join(f"{name} {BCRYPT}\n" for name in SUBJECTS))
        (directory / "sidecar-token.conf").write_text(
            f'proxy_set_header X-Sidecar-Authorization "Bearer {token}";\n'
        )
        file = directory / self.file.format(mode)
        self._configure(file, port, sidecar, service)
        assert edit[0] in file.read_text()
        file.write_text(file.read_text().replace(*edit))
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [part.format(file) for part in self.command],
                cwd=directory,
                stdout=log,
                stderr=log,
                env={"SIDECAR_TOKEN": token, "HOME": str(directory), "PATH": "/usr/bin:/bin"},
            )
        try:
            until(lambda: process.poll() is not None or _listens(port))
            assert process.poll() is None, (directory / "log").read_text()
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def _configure(self, file: Path, *ports: int) -> None:
        """Put the ports, and a directory for sockets, in the places of those that are shipped."""
        text = file.read_text().replace("unix:/run/nginx/", f"unix:{file.parent}/")
        for address, port in zip(self.addresses, ports, strict=True):
            head, _, rest = text.partition("# To change:")[2].partition("\n")
            changed = rest.replace(address, f"{address[:-4]}{port}")
            assert changed != rest, f"{address} is not in {file.name}"
            text = f"# To change:{head}\n{changed}"
        file.write_text(text)


def _listens(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return False
    return True


_ADDRESSES = ("127.0.0.1:8181", "127.0.0.1:9000")
PROXIES = (
    Proxy(
        "nginx",
        "{}.conf",
        (
            "/usr/sbin/nginx",
            "-p",
            ".",
            "-c",
            "{}",
            "-e",
            "stderr",
            "-g",
            "daemon off; user root; pid nginx.pid;",
        ),
        ("listen 8080", *_ADDRESSES),
        status_on_failure=500,
        status_on_silence=500,
        passes_body=False,
        http2=(";\n\n    # Headers", " http2;\n\n    # Headers"),
    ),
    Proxy(
        "caddy",
        "{}.Caddyfile",
        ("/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", "{}"),
        (":8080", *_ADDRESSES),
        status_on_failure=502,
        status_on_silence=504,
        passes_body=True,
        http2=("admin off", "admin off\n\tservers {\n\t\tprotocols h1 h2c\n\t}"),
    ),
    Proxy(
        "envoy",
        "{}.yaml",
        (
            str(Path(sys.executable).with_name("envoy")),
            *("--config-path", "{}", "--concurrency", "1", "--disable-hot-restart"),
        ),
        ("port_value: 8080", "port_value: 8181", "port_value: 9000"),
        status_on_failure=403,
        status_on_silence=403,
        passes_body=True,
        http2=("stat_prefix: gateway", "stat_prefix: gateway"),
    ),
)
