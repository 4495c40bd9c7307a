"""Build and run images without a Docker engine: with buildah and podman, on bases of Debian."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.e2e.running import until
from tests.paths import ROOT
from tests.system.postgres import free_port

TOKEN = "a-token-of-the-image-test-0123456789"  # noqa: S105 - it guards a demo world
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
"""What the machine trusts, so that pip reaches in the image whatever index it reaches here."""
_BASE = """\
FROM scratch
ADD rootfs.tar /
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
"""


def _run(*command: str | Path, errors: int = subprocess.PIPE) -> str:
    """Return what a command prints; its whole output is the message where it fails."""
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=errors, check=False
    )
    if done.returncode:
        output = f"{done.stdout}{done.stderr or ''}"
        raise ImageError(f"{command[0]} ended with {done.returncode}\n{output}")
    return done.stdout


class ImageError(Exception):
    """A command of the image tools that failed, with its output."""


@dataclass(frozen=True)
class Engine:
    """A store of images in a directory of its own."""

    directory: Path

    def base(self, release: str) -> str:
        """Return the name of a base image: a Debian release with its own Python and nothing else.

        The archive is kept beside the store: to fetch it takes two minutes.
        """
        name = f"localhost/{release}:test"
        context = self.directory / release
        context.mkdir(parents=True, exist_ok=True)
        archive = context / "rootfs.tar"
        if not archive.exists():
            partial = context / "partial.tar"
            packages = "--include=python3,python3-venv,ca-certificates"
            _run("mmdebstrap", "--quiet", "--variant=minbase", packages, release, partial)
            partial.rename(archive)
        shutil.copyfile(_CERTIFICATES, context / "ca-certificates.crt")
        (context / "Dockerfile").write_text(_BASE, encoding="utf-8")
        self.build(context, name)
        return name

    def build(self, context: Path, name: str, *options: str) -> None:
        """Build the Dockerfile of a directory.

        Raises:
            ImageError: A step failed.
        """
        chosen = ("--isolation", "chroot", "--pull-never", "--format", "docker")
        _run("buildah", *self._store, "bud", *chosen, *options, "--tag", name, context)

    @contextmanager
    def running(self, image: str, *mounts: tuple[Path, str]) -> Iterator[Container]:
        """Run an image as the README says: read-only, without a capability, as nobody."""
        port = free_port()
        addresses = (f"--env=SIDECAR_PORT={port}", f"--env=SIDECAR_ADMIN=127.0.0.1:{free_port()}")
        volumes = [f"--volume={source}:{target}:ro" for source, target in mounts]
        container = _run(
            *self._podman,
            # No systemd is asked for a timer of the health check: `healthy` runs it.
            *("create", "--pull", "never", "--health-interval", "disable", "--network", "host"),
            *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/dev/shm:rw,size=16m"),  # noqa: S108 - of the container
            *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
            *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"),
            *(*addresses, "--env=SIDECAR_HOST=127.0.0.1", *volumes, image),
        ).strip()
        try:
            begun = time.monotonic()
            _run(*self._podman, "start", container)
            yield Container(self._podman, container, f"http://127.0.0.1:{port}", begun)
        finally:
            _run(*self._podman, "rm", "--force", "--time", "20", container)

    @property
    def _store(self) -> tuple[str, ...]:
        root, run = self.directory / "store", self.directory / "run"
        return ("--root", str(root), "--runroot", str(run), "--storage-driver", "vfs")

    @property
    def _podman(self) -> tuple[str, ...]:
        return ("podman", *self._store, "--cgroup-manager", "cgroupfs", "--runtime", "runc")


@dataclass(frozen=True)
class Container:
    """A container that runs."""

    podman: tuple[str, ...]
    name: str
    url: str
    begun: float
    """When it was told to start, by the monotonic clock: the image had been unpacked before."""

    def ready(self) -> None:
        """Wait until the sidecar is ready.

        Raises:
            ImageError: It has ended instead.
        """
        until(self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/readyz") as response:  # noqa: S310 - of this machine
                return bool(response.status == 200)
        except (URLError, ConnectionError):
            if self._state()["Status"] == "exited":
                raise ImageError(self.log()) from None
            return False

    def post(self, path: str, body: object) -> object:
        """Return the answer to a question."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = Request(self.url + path, json.dumps(body).encode(), headers)  # noqa: S310
        with urlopen(request) as response:  # noqa: S310
            return json.load(response)

    def answers(self, path: str, body: object) -> bool:
        """Tell whether a question is answered: until it listens and is ready it is not."""
        try:
            return bool(self.post(path, body))
        except (URLError, ConnectionError):
            return False

    def healthy(self) -> bool:
        """Tell whether the health check of the image succeeds."""
        check = (*self.podman, "healthcheck", "run", self.name)
        return subprocess.run(check, check=False, capture_output=True).returncode == 0  # noqa: S603

    def python(self, program: str) -> str:
        """Return what a program prints that the image's own Python runs."""
        return _run(*self.podman, "exec", self.name, "/sidecar/bin/python", "-c", program).strip()

    def stop(self) -> int:
        """Stop it as Kubernetes does, and return the status with which it ends."""
        _run(*self.podman, "stop", "--time", "20", self.name)
        return int(str(self._state()["ExitCode"]))

    def log(self) -> str:
        """Return what it has written so far."""
        return _run(*self.podman, "logs", self.name, errors=subprocess.STDOUT)

    def _state(self) -> dict[str, object]:
        state: dict[str, object] = json.loads(
            _run(*self.podman, "inspect", "--format", "{{json .State}}", self.name)
        )
        return state
