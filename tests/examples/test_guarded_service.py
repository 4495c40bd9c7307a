"""The example `examples/guarded-service`: its own tests pass, by the fixtures of the plugin."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "guarded-service"


def test_the_tests_of_the_service_pass() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)]
    done = subprocess.run(command, cwd=EXAMPLE, capture_output=True, text=True, check=False)  # noqa: S603  ours

    tests = (EXAMPLE / "test_numbers_service.py").read_text().count("\ndef test_")
    assert done.returncode == 0, done.stdout
    assert re.search(rf"^{tests} passed", done.stdout, re.MULTILINE), done.stdout
