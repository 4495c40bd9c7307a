"""What is in the wheel that `pip install` gets."""

from __future__ import annotations

import re
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
        "sidecar/polar/grammar.json",
    ],
)
def test_wheel_holds(wheel: ZipFile, name: str) -> None:
    assert name in wheel.namelist()


def test_wheel_holds_each_source_file_once(wheel: ZipFile) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "sidecar").rglob("*.py")}
    packed = [name for name in wheel.namelist() if name.endswith(".py")]

    assert sorted(packed) == sorted(sources)


def test_client_needs_nothing_but_the_wheel_and_the_standard_library(wheel: ZipFile) -> None:
    program = f"import sys; sys.path.insert(0, {wheel.filename!r}); import sidecar.client as client"
    program += "; print(client.Client.__name__)"

    # -I and -S leave out everything that is installed.
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  ours

    assert done.stdout == "Client\n"


def test_documentation_of_the_client_names_the_wheel() -> None:
    assert f"sidecar-{VERSION}-py3-none-any.whl" in (ROOT / "docs" / "client.md").read_text()


def test_changelog_begins_with_the_version_of_the_project() -> None:
    first = re.search(r"^## \[(.*?)\] - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert first is not None
    assert first[1] == VERSION
