"""The transcripts of `docs/access-reviews.md` are what the commands print."""

from __future__ import annotations

import re
import shlex

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from tests.docs.examples import console_examples, filter_lines
from tests.paths import ROOT

PAGE = ROOT / "docs" / "access-reviews.md"
_REVISION = re.compile(r"(?<=revision )[0-9a-f]+")


@pytest.mark.parametrize(("command", "output"), list(console_examples(PAGE, "sidecar")))
def test_document_shows_what_the_command_prints(
    command: str, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    command, *filters = command.split(" | ")

    printed = CliRunner().invoke(main, shlex.split(command)[1:]).stdout

    assert _REVISION.sub("…", filter_lines(printed, filters)) == output
