"""What the image of bundles consists of is to be had for arm64, as wheels."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from tests.paths import ROOT

IMAGE = {"python_version": "3.13", "python_full_version": "3.13.0", "platform_machine": "aarch64"}
GLIBC = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
"""Those of Debian's releases that Python's images are made of, and older ones."""


def _locked() -> str:
    """Return the parts of the lock that the image installs on arm64: pip asks this machine."""
    text = (ROOT / "requirements-postgres.lock").read_text(encoding="utf-8")
    entries = re.findall(
        r"^([a-z][^\\\n]*?) \\\n((?:    --hash=\S+(?: \\)?\n)+)", text, re.MULTILINE
    )
    chosen = []
    for line, hashes in entries:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(IMAGE):
            chosen.append(f"{requirement.name}{requirement.specifier} \\\n{hashes}")
    return "".join(chosen)


def test_every_part_of_the_image_of_bundles_has_a_wheel_for_arm64(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text(_locked())
    platforms = [option for each in GLIBC for option in ("--platform", each)]
    download = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"),
        *("--only-binary", ":all:", "--python-version", "3.13", "--implementation", "cp"),
        *platforms,
        *("--dest", str(tmp_path / "wheels"), "--requirement", str(lock)),
    ]

    subprocess.run(download, check=True, cwd=tmp_path)  # noqa: S603

    names = {path.name.partition("-")[0].lower() for path in (tmp_path / "wheels").iterdir()}
    assert names >= {"httptools", "lmdb", "msgspec", "jiter", "psycopg_binary", "gunicorn"}
    assert not names & {"oso", "lark"}
