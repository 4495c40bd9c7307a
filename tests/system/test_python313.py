"""A bundle is served by a Python for which there is no Oso, as it is installed from the lock."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bundles import BUNDLE, OPTIONS, PATHS, QUESTIONS, Both, build, told
from tests.e2e.running import copy_pack, serving
from tests.paths import ROOT


def python313() -> str | None:
    """Return a Python 3.13 that works; version managers put names on the path that do not."""
    candidates = [shutil.which("python3.13")]
    if (pyenv := shutil.which("pyenv")) is not None:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False)  # noqa: S603
        versions = Path(root.stdout.strip()) / "versions"
        candidates += sorted(map(str, versions.glob("3.13*/bin/python3.13")))
    for candidate in filter(None, candidates):
        asked = subprocess.run(  # noqa: S603
            [candidate, "-c", "import ensurepip, venv"], capture_output=True, check=False
        )
        if asked.returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python 3.13 with the sidecar and what the lock says, and nothing else."""
    found = python313()
    if found is None:
        pytest.skip("there is no Python 3.13 on this machine")
    directory = tmp_path_factory.mktemp("python313") / "environment"
    subprocess.run([found, "-m", "venv", str(directory)], check=True)  # noqa: S603
    python = str(directory / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements.lock")]
    subprocess.run([*install, *locked], check=True)  # noqa: S603
    built = directory.parent / "wheel"
    build_wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(build_wheel, check=True, cwd=ROOT)  # noqa: S603
    wheel = str(next(built.glob("*.whl")))
    subprocess.run([*install, "--no-index", "--no-deps", wheel], check=True)  # noqa: S603
    return python


def test_the_lock_installs_neither_oso_nor_the_grammar(newer: str) -> None:
    names = subprocess.run(  # noqa: S603
        [newer, "-m", "pip", "list", "--format", "freeze"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.lower()

    assert "flask==" in names
    assert not {"oso", "lark", "cffi"} & {line.partition("==")[0] for line in names.splitlines()}


@pytest.fixture(scope="module")
def both(newer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    roots = [copy_pack(tmp_path_factory.mktemp(name)) for name in ("pack", "bundle")]
    for root in roots:
        (root / "key").write_bytes(bytes(range(32)))
    build(roots[1])
    with (
        serving(roots[0], *OPTIONS, workers=1) as pack,
        serving(
            roots[1],
            *OPTIONS,
            workers=1,
            pack=BUNDLE,
            python=newer,
            variables={"PYTHONPATH": ""},
        ) as bundle,
    ):
        yield Both(pack, bundle)


def test_it_answers_as_the_pack_does(both: Both) -> None:
    for path, body in QUESTIONS:
        pack, bundle = (told(sidecar, "POST", path, body) for sidecar in both)
        assert pack == bundle
    for path in PATHS:
        pack, bundle = (told(sidecar, "GET", path) for sidecar in both)
        assert pack == bundle
