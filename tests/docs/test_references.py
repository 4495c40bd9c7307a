"""Files, targets and variables that the documentation names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.examples import PAGES
from tests.paths import ROOT

TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text()


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page_names_files_that_exist(page: Path) -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+[\w./-]*|[A-Z]+\.md)`", page.read_text("utf-8")))
    # Other paths are those of a mount, of a pack of one's own, or of the API.
    ours = {entry.name for entry in ROOT.iterdir()}
    ours -= {"policies", "fixtures"} if page.name == "packs.md" else set()

    files = {path for path in named if path.split("/")[0] in ours}

    assert {path for path in files if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page_links_to_what_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)]*)\)", text)

    for link in links:
        file, _, anchor = link.partition("#")
        target = page if not file else page.parent / file
        assert target.exists(), link
        titles = re.findall(r"^#+ (.*)", target.read_text("utf-8"), re.MULTILINE)
        assert not anchor or anchor in set(map(_anchor, titles)), link


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_page_names_targets_of_make_that_exist(page: Path) -> None:
    named = set(re.findall(r"(?:`|^\s*)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))

    assert named <= TARGETS


def test_hooks_call_targets_of_make_and_nothing_else() -> None:
    entries = re.findall(r"^\s*entry: (.*)", HOOKS, re.MULTILINE)

    assert {entry.split()[0] for entry in entries} == {"make"}
    assert {entry.split()[1] for entry in entries} <= TARGETS
