"""The transcripts of `docs/reviewing.md` are what the commands print."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from tests.docs.examples import console_examples, filter_lines
from tests.paths import ROOT

PAGE = ROOT / "docs" / "reviewing.md"
DOCUMENT = PAGE.read_text(encoding="utf-8")
EDITS = {
    "widened": (
        '  "credentials.view" if "developer";\n',
        '  "credentials.view" if "developer";      "credentials.view" if "support";\n',
    ),
    "dropped": ("  account.contract = settings.required_contract and\n", ""),
    "moved": (
        "  account.monthly_commitment >= settings.minimum_commitment and\n",
        "  account.monthly_commitment > settings.minimum_commitment and\n",
    ),
    "reworded": (
        "  account.monthly_commitment >= settings.minimum_commitment and\n",
        "  not account.monthly_commitment < settings.minimum_commitment and\n",
    ),
}


pytestmark = pytest.mark.many  # each command looks at all states


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped pack, and a copy of it for each edit of the document."""
    directory = tmp_path_factory.mktemp("checkout")
    for name in ("policies", "fixtures"):
        shutil.copytree(ROOT / name, directory / name)
    for edit, (before, after) in EDITS.items():
        for name in ("policies", "fixtures"):
            shutil.copytree(ROOT / name, directory / "edited" / edit / name)
        file = directory / "edited" / edit / "policies" / "account.polar"
        text = file.read_text()
        assert text.count(before) == 1
        file.write_text(text.replace(before, after))
    return directory


@pytest.mark.parametrize(("command", "output"), list(console_examples(PAGE, "sidecar")))
def test_document_shows_what_the_command_prints(
    command: str, output: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("SIDECAR_POLICIES", "policies")
    monkeypatch.setenv("SIDECAR_FIXTURES", "fixtures")
    monkeypatch.setenv("COLUMNS", "100")
    command, *filters = command.split(" | ")

    printed = CliRunner().invoke(main, shlex.split(command)[1:]).stdout

    assert filter_lines(printed, filters) == output


@pytest.mark.parametrize("edit", ["widened", "dropped", "moved"])
def test_document_shows_each_edit(edit: str) -> None:
    before, after = EDITS[edit]

    assert f"-{before}" in DOCUMENT
    assert not after or f"+{after}" in DOCUMENT


def test_each_edit_is_seen_at_once(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lines say what it does, and the status that it does something."""
    monkeypatch.chdir(checkout)

    for edit, words in (
        ("widened", ["credentials.view", "user has role support"]),
        ("dropped", ["plan_holds(account) now also holds", "contract is not annual"]),
        ("moved", ["plan_holds(account) no longer holds", "exactly 750 USD"]),
    ):
        result = CliRunner().invoke(main, ["diff", ".", f"edited/{edit}"])
        first = "".join(result.stdout.splitlines(keepends=True)[:6])
        assert result.exit_code == 1
        assert all(word in first for word in words), first
