"""The transcripts of `docs/access-reviews.md` are what the commands print."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.decision_log import DecisionLog, Hashing, LineFile, OnFailure
from sidecar.http import create_app
from sidecar.reload import Places, Reloading
from tests.docs.examples import console_examples, filter_lines
from tests.paths import ROOT

PAGE = ROOT / "docs" / "access-reviews.md"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
USED = (
    "bob logs.view",
    "bob credentials.edit",
    "sue cards.view",
    "sue settings.edit",
    "dora credentials.view",
    "finn billing.view",
    "ana team.manage",
    "mallory team.manage",
)
"""What people ask of `acme` in the log of the document."""
_REVISION = re.compile(r"(?<=revision )[0-9a-f]+")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped pack, beside the log of a sidecar that served it."""
    directory = tmp_path_factory.mktemp("checkout")
    for name in ("policies", "fixtures"):
        shutil.copytree(ROOT / name, directory / name)
    fixtures = directory / "fixtures"
    reloading = Reloading(Places(directory / "policies", fixtures, fixtures / "worlds" / "demo"))
    reloading.load()
    file = LineFile(str(directory / "decisions.log"))
    log = DecisionLog(file, Hashing.for_this_start(), OnFailure.REFUSE)
    client = create_app(reloading, lambda: NOW, log=log).test_client()
    for each in USED:
        subject, action = each.split()
        asked = {"subject": f"user:{subject}", "action": action, "resource": "account:acme"}
        assert client.post("/v1/authorize", json=asked).status_code == 200
    file.close()
    return directory


@pytest.mark.parametrize(("command", "output"), list(console_examples(PAGE, "sidecar")))
def test_document_shows_what_the_command_prints(
    command: str, output: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    command, *filters = command.split(" | ")

    printed = CliRunner().invoke(main, shlex.split(command)[1:]).stdout

    assert _REVISION.sub("…", filter_lines(printed, filters)) == output
