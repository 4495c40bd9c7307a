"""What is in the wheel that `pip install` gets."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.paths import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603  a command of the test's own
    (file,) = directory.iterdir()
    return ZipFile(file)


def test_wheel_has_the_version_of_the_project(wheel: ZipFile) -> None:
    assert Path(str(wheel.filename)).name == f"sidecar-{VERSION}-py3-none-any.whl"


@pytest.mark.parametrize(
    "name",
    [
        "sidecar/py.typed",
        "sidecar/pack/policies/main.polar",
        "sidecar/pack/fixtures/schema.yaml",
        "sidecar/schema/standard_reasons.yaml",
    ],
)
def test_wheel_holds(wheel: ZipFile, name: str) -> None:
    assert name in wheel.namelist()


def test_wheel_holds_each_source_file_once(wheel: ZipFile) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "sidecar").rglob("*.py")}
    packed = [name for name in wheel.namelist() if name.endswith(".py")]

    assert sorted(packed) == sorted(sources)
