"""The web page of a running sidecar, and that of `sidecar page`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.admin import ADMIN, Operator
from tests.e2e.running import PACK, serving, until, write
from tests.paths import ROOT
from tests.patience import PATIENCE

pytestmark = pytest.mark.e2e

ASKED = "/page/ask?subject=bob&action=numbers.edit&resource_type=account&resource=acme"
QUESTION = {"subject": "user:bob", "action": "numbers.edit", "resource": "account:acme"}
REVOKED = """
- {account: acme, user: bob, role: support, status: active}
"""


def verdict(document: str) -> str:
    found = re.search(r'<h2 class="verdict [a-z]+">(\w+)', document)
    return found[1] if found else document


def test_a_page_that_is_opened_late_shows_the_present_and_follows_it(root: Path) -> None:
    with serving(root, *ADMIN, workers=1) as sidecar:
        operator, file = Operator(sidecar), sidecar.policies / "account.polar"
        text = file.read_text()
        write(file, text.replace('"numbers.edit" if "developer";', ""))
        until(lambda: not sidecar.ask("/v1/authorize", QUESTION)[1]["decision"])
        assert verdict(operator.text(ASKED)) == "Denied"
        write(file, text)
        until(lambda: verdict(operator.text(ASKED)) == "Allowed")
        write(sidecar.data / "memberships.yaml", REVOKED)
        until(lambda: verdict(operator.text(ASKED)) == "Denied")
        assert "Ready" in operator.text("/page/health")


def test_where_callers_need_tokens_the_page_needs_them_too(root: Path) -> None:
    (root / "tokens").write_text("0123456789abcdef-caller\n")
    with serving(root, *ADMIN, "--tokens", "tokens", workers=1) as sidecar:
        operator = Operator(sidecar)
        with pytest.raises(AssertionError):
            operator.text(ASKED)
        assert "Ready" in operator.text("/page/health")


def test_a_page_is_served_without_a_sidecar(root: Path) -> None:
    command = ("page", *PACK, "--data", "data", "--listen", "127.0.0.1:0")
    process = subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-m", "sidecar", *command],
        cwd=root,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # noqa: TID251  a child's
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "page:" in line)
        address = line.split()[-1].removesuffix("/page/")
        with urllib.request.urlopen(f"{address}{ASKED}", timeout=PATIENCE) as response:  # noqa: S310  ours
            assert verdict(response.read().decode()) == "Allowed"
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        process.stderr.close()
