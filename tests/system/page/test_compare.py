"""Comparing in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.admin import ADMIN
from tests.e2e.running import Sidecar, serving
from tests.paths import ROOT
from tests.system.page.visits import ON, SCRIPTS, address_of, inspect, visiting

LATE = 300_000
"""Milliseconds for a verdict, on a busy machine."""


PACK = ROOT / "tests" / "review" / "verdict" / "pack"
"""A small one, with suites and invariants: a verdict takes seconds, not minutes."""


@pytest.fixture(scope="module")
def comparing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """Run a sidecar that may compare with a pack beside its own."""
    root = tmp_path_factory.mktemp("compare")
    for name in ("", "packs/narrow"):
        copytree(PACK, root / name, dirs_exist_ok=True)
    copytree(PACK / "fixtures" / "worlds" / "demo", root / "data")
    file = root / "packs" / "narrow" / "policies" / "main.polar"
    file.write_text(file.read_text().replace('  "scrap" if "lead";', ""))
    with serving(root, *ADMIN, "--compare-root", "packs", workers=1) as running:
        yield running


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_an_edited_text_gets_a_verdict_and_is_not_served(
    browser: Browser, comparing: Sidecar, scripts: str
) -> None:
    before = comparing.ready()[1]["revisions"]["policy"]
    files = {file: file.read_bytes() for file in comparing.root.rglob("*.polar")}
    with visiting(browser, address_of(comparing), scripts=scripts == ON) as visit:
        tab = visit.tab
        visit.open("/page/compare")
        text = tab.locator("textarea")
        # Another text each time, so that each has to be judged.
        edited = text.input_value().replace(
            '"scrap" if "lead";', f'"scrap" if "lead"; "repair" if "operator"; # {scripts}'
        )
        text.fill(edited)
        tab.get_by_role("button", name="Compare the edited text").click()
        main = tab.get_by_role("main")
        expect(main).to_contain_text("WIDENS", timeout=LATE)
        expect(main).to_contain_text("policies/main.polar:15")
        expect(main).to_contain_text("operator: repair on machine")
    assert files == {file: file.read_bytes() for file in comparing.root.rglob("*.polar")}
    assert comparing.ready()[1]["revisions"]["policy"] == before


def test_a_text_with_a_fault_gets_no_verdict_but_its_line(
    browser: Browser, comparing: Sidecar
) -> None:
    with visiting(browser, address_of(comparing)) as visit:
        tab = visit.tab
        visit.open("/page/compare")
        tab.locator("textarea").fill("\n<img src=x onerror=alert(1)>\n")
        tab.get_by_role("button", name="Compare the edited text").click()
        main = tab.get_by_role("main")
        expect(main).to_contain_text("CANNOT TELL", timeout=LATE)
        expect(main).to_contain_text("main.polar:2")
        expect(main.locator("img")).to_have_count(0)


def test_a_pack_that_the_operator_has_declared_gets_a_verdict(
    browser: Browser, comparing: Sidecar, shots: Path
) -> None:
    with visiting(browser, address_of(comparing)) as visit:
        tab = visit.tab
        visit.open("/page/compare")
        tab.locator('[name="pack"]').select_option("narrow")
        tab.get_by_role("button", name="Compare the pack").click()
        expect(tab.get_by_role("main")).to_contain_text("NARROWS", timeout=LATE)
        path = tab.url.removeprefix(address_of(comparing))
    inspect(browser, address_of(comparing), path, shots)


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_another_file_can_be_chosen(browser: Browser, comparing: Sidecar, scripts: str) -> None:
    with visiting(browser, address_of(comparing), scripts=scripts == ON) as visit:
        tab = visit.tab
        visit.open("/page/compare")
        tab.locator('[name="file"]').first.select_option("fixtures/settings.yaml")
        if scripts != ON:
            tab.get_by_role("button", name="Show this file").click()
        expect(tab.locator("textarea")).to_contain_text("hottest")


def test_it_is_accessible_in_all_its_looks(
    browser: Browser, comparing: Sidecar, shots: Path
) -> None:
    inspect(browser, address_of(comparing), "/page/compare", shots)
