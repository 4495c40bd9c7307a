"""systemd itself reads the unit, and judges how much of the machine the sidecar could reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that this machine has."""
    text = (ROOT / "deploy" / "systemd" / "sidecar.service").read_text(encoding="utf-8")
    program = Path(sys.executable).with_name("sidecar")
    copy = tmp_path / "sidecar.service"
    copy.write_text(text.replace("/opt/sidecar/bin/sidecar", str(program)))
    return copy


def _analyze(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(  # noqa: S603
        ["systemd-analyze", *arguments],  # noqa: S607 - that of the path
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def test_systemd_understands_each_line_of_the_unit(unit: Path) -> None:
    assert _analyze("verify", unit) == (0, "")


def test_systemd_complains_about_a_line_that_it_does_not_understand(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("NoNewPrivileges=", "NoNewPrivilege="))
    assert "NoNewPrivilege" in _analyze("verify", unit)[1]


def test_systemd_finds_an_exposure_of_two_of_ten_at_most(unit: Path) -> None:
    status, output = _analyze("security", "--offline=true", "--threshold=20", unit)
    assert status == 0, output
