"""The matrix in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.running import Sidecar
from tests.system.page.visits import ON, SCRIPTS, SOON, address_of, inspect, visiting

CELL = "/page/matrix/cell?subject=user&resource=invitation&action=create&column=admin"


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_cell_leads_to_its_rules_and_its_diagram(
    browser: Browser, sidecar: Sidecar, scripts: str
) -> None:
    with visiting(browser, address_of(sidecar), scripts=scripts == ON) as visit:
        tab, main = visit.tab, visit.tab.get_by_role("main")
        visit.open("/page/matrix")
        # It renews itself until the conditions are in words.
        cell = tab.get_by_role("link", name="numbers.edit for developer: yes")
        expect(cell).to_be_visible(timeout=SOON)
        cell.click()
        expect(main).to_contain_text('"numbers.edit" if "developer";', timeout=SOON)
        expect(main).to_contain_text("account.polar:")
        expect(main.locator("svg").first).to_be_visible()
        expect(main.get_by_role("img").first).to_be_visible()
        tab.get_by_text("As text").first.click()
        expect(main.locator("pre", has_text="Is it granted?")).to_be_visible()


@pytest.mark.parametrize("path", ["/page/matrix", CELL])
def test_it_is_accessible_in_all_its_looks(
    browser: Browser, sidecar: Sidecar, shots: Path, path: str
) -> None:
    with visiting(browser, address_of(sidecar)) as visit:
        visit.open(path)
        expect(visit.tab.locator("[aria-busy]")).to_have_count(0, timeout=SOON)

    inspect(browser, address_of(sidecar), path, shots)
