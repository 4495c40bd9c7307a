"""Containers as processes of this machine: what a manifest starts, on directories as mounts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.running import Sidecar, until
from tests.paths import ROOT
from tests.patience import PATIENCE

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Image:
    """What the Dockerfile says about the containers of an image."""

    variables: Mapping[str, str]
    command: tuple[str, ...]
    user: str


def read_image(name: str) -> Image:
    """Return the image of a name in a manifest: `sidecar` or `sidecar-bundle`."""
    stages = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)
    targets = re.findall(r"^FROM .*?(?: AS (\S+))?$", DOCKERFILE, re.MULTILINE)
    number = targets.index({"sidecar": "", "sidecar-bundle": "bundle"}[name])
    text = stages[number + 1].replace("\\\n", " ")
    (variables,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    (command,) = re.findall(r'^CMD \["(.*)"\]$', text, re.MULTILINE)
    (user,) = re.findall(r"^USER (.*)$", text, re.MULTILINE)
    pairs = (pair.partition("=") for pair in shlex.split(variables))
    return Image({key: value for key, _, value in pairs}, tuple(command.split('", "')), user)


class Volume:
    """A ConfigMap or a Secret in a pod, as the kubelet writes it: links to links to one version."""

    def __init__(self, path: Path, files: Mapping[str, bytes], mode: int = 0o644) -> None:
        self.path = path
        self._mode = mode
        self._versions = 0
        path.mkdir()
        self.write(files)
        for name in files:
            (path / name).symlink_to(Path("..data") / name)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Replace the whole version by another one with the same names."""
        self._versions += 1
        version = self.path / f"..2026_12_01_{self._versions}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
            (version / name).chmod(self._mode)
        last = self.path / "..data"
        before = last.resolve() if last.exists() else None
        (self.path / "..data_tmp").symlink_to(version.name)
        (self.path / "..data_tmp").replace(last)
        if before:
            shutil.rmtree(before)


def files_of(directory: Path) -> dict[str, bytes]:
    """Return what `kubectl create configmap --from-file=DIRECTORY` takes: files, no directories."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


@contextmanager
def running(
    directory: Path, image: Image, variables: Mapping[str, str], mounts: Mapping[str, Path]
) -> Iterator[Sidecar]:
    """Run a container until the block ends.

    Args:
        directory: Where its log is written.
        image: Of the container.
        variables: Of its manifest.
        mounts: The directory that stands for each path of a mount. `/policies` and `/fixtures` are
            those of the repository where nothing is mounted there, as in the image.
    """
    content = {"/policies": ROOT / "policies", "/fixtures": ROOT / "fixtures", **mounts}
    given = {**image.variables, **variables, "SIDECAR_PORT": "0"}
    del given["PATH"]
    with started(directory, image.command, given, content) as process:
        found = re.search(r"Listening at: http://[0-9.]+:(\d+)", (directory / "log").read_text())
        assert found, (directory / "log").read_text()
        yield Sidecar(process, int(found[1]), directory)


@contextmanager
def started(
    directory: Path,
    command: Sequence[str],
    variables: Mapping[str, str],
    mounts: Mapping[str, Path],
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of another machine here until the block ends, from when it listens.

    Args:
        directory: Where its log is written.
        command: Begins with a path to `sidecar`.
        variables: Of its environment.
        mounts: The directory of this machine that stands for each path in the variables.
    """
    assert Path(command[0]).name == "sidecar"
    here = {name: _here(value, mounts) for name, value in variables.items()}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "-m", "sidecar", *command[1:]],
            cwd=directory,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT), **here},  # noqa: TID251  a child's
        )
    try:
        text = (directory / "log").read_text
        until(lambda: process.poll() is not None or "Listening at" in text())
        assert process.poll() is None, text()
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _here(value: str, mounts: Mapping[str, Path]) -> str:
    """Return the path of this machine for one of the other, and other values as they are."""
    if re.fullmatch(r"[0-9.]+:\d+", value):
        return "127.0.0.1:0"
    before, slash, path = value.partition("/")
    if before not in {"", "unix:"} or not slash:
        return value
    mount = next(each for each in mounts if Path(f"/{path}").is_relative_to(each))
    return f"{before}{mounts[mount] / Path(f'/{path}').relative_to(mount)}"
