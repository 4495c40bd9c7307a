"""What the README promises: it names all commands, paths and targets, and stays short."""

from __future__ import annotations

import re

import pytest

from sidecar.cli.commands import COMMANDS
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_readme_names_each_command(name: str) -> None:
    assert f"\n| `{name}` | " in README


def test_readme_names_each_target_of_make() -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert {name for name in targets if f"make {name}" not in README} == set()


def test_readme_names_each_page_of_the_documentation() -> None:
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}

    assert {page for page in pages if page not in README} == set()


def test_readme_is_short_and_in_the_order_of_its_readers() -> None:
    titles = re.findall(r"^## (.*)", README, re.MULTILINE)

    assert len(README.splitlines()) < 250
    assert titles == [
        "Run it",
        "Ask it (HTTP)",
        "Review it (CLI)",
        "Change the policy",
        "Security model",
        "Develop",
    ]
