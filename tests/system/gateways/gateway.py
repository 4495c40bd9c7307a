"""A service behind a proxy that asks a sidecar."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from tests.e2e.running import serving, until
from tests.system.gateways.client import SILENCE, Answer, Fields, basic, request, send
from tests.system.gateways.oracle import faults
from tests.system.gateways.proxies import TOKEN, Proxy
from tests.system.gateways.tokens import AUDIENCE, ISSUER, bearer, key_set
from tests.system.gateways.upstream import OK, Upstream

MODES = ("header", "jwt")
"""How the subject is identified."""

JWT = f"subject: {{type: user, jwt: {{issuer: {ISSUER}, audience: {AUDIENCE}}}}}"
"""What the pack says in place of its first line where the subject has a token."""


_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Gateway:
    """A running proxy, in front of a service that records."""

    proxy: Proxy
    mode: str
    port: int
    service: Upstream

    def credentials(self, subject: str) -> Fields:
        """Return what shows the proxy or the sidecar who sends a request."""
        known = basic(subject) if self.mode == "header" else bearer(sub=subject)
        return [(b"Authorization", known)]

    def ask(self, subject: str, method: bytes, target: bytes) -> Answer:
        """Send a clean request."""
        return send(self.port, request(method, target, self.credentials(subject)))

    def faults_of(self, subject: str, *attacks: bytes) -> list[str]:
        """Send requests for a subject; return what is wrong with what reached the service."""
        self.service.taken()
        found = []
        for sent in attacks:
            send(self.port, sent, SILENCE)
            found += [
                f"{sent!r}: {fault}"
                for one in self.service.taken()
                for fault in faults(one, subject)
            ]
        return found

    def faults_after(self, subject: str, attack: bytes) -> list[str]:
        """Do the same with one request, and with another's that follows on other connections.

        What the first has left in a connection to the service comes with the second.
        """
        found = self.faults_of(subject, attack)
        mark = f"after-{next(_NUMBERS)}".encode()
        answer = self.ask("cy", b"GET", b"/projects/beta?" + mark)
        received = self.service.taken()
        ours = [one for one in received if mark in one.line]
        found += [fault for one in received if one not in ours for fault in faults(one, subject)]
        found += [fault for one in ours for fault in faults(one, "cy")]
        if answer.status != 200 or not answer.body.endswith(OK[-8:]) or len(ours) != 1:
            found.append(f"after {attack!r}: {answer.sent_back!r} {received!r}")
        return found


@contextmanager
def asked(directory: Path, mode: str) -> Iterator[int]:
    """Run a sidecar with the pack of these tests; yield its port.

    Args:
        directory: For its files.
        mode: How the subject is identified.
    """
    copytree(Path(__file__).parent / "pack", directory, dirs_exist_ok=True)
    tokens, keys = directory / "tokens", directory / "keys"
    tokens.write_text(f"proxy {TOKEN}\n")
    tokens.chmod(0o600)
    options = ["--tokens", "tokens"]
    if mode == "jwt":
        routes = directory / "fixtures" / "routes.yaml"
        routes.write_text(re.sub("(?m)^subject: .*$", JWT, routes.read_text()))
        keys.write_text(key_set())
        options += ["--jwks", "keys"]
    with serving(directory, *options, workers=1) as sidecar:
        until(lambda: sidecar.ready()[0] == 200)
        yield sidecar.port
