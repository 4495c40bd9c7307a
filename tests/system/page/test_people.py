"""Who can do what, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.running import Sidecar
from tests.system.page.visits import ON, SCRIPTS, SOON, address_of, inspect, visiting

FOUND = "/page/people?find=subjects&action=billing.edit&resource_type=account&resource=acme"


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_finds_who_can_do_this_and_why(
    browser: Browser, sidecar: Sidecar, scripts: str
) -> None:
    with visiting(browser, address_of(sidecar), scripts=scripts == ON) as visit:
        tab = visit.tab
        visit.open("/page/people")
        tab.get_by_label("Who can do this?").check()
        tab.locator('[name="action"]').select_option("billing.edit")
        tab.locator('[name="resource"]').fill("acme")
        tab.get_by_role("button", name="Find").click()
        expect(tab.locator("#results")).to_contain_text("finn", timeout=SOON)
        with tab.expect_download() as download:
            tab.get_by_text("all as CSV").click()
        text = Path(download.value.path()).read_text()
        assert "user:finn,billing.edit,account:acme" in text
        tab.get_by_label("Why finn?").click()
        expect(tab.get_by_role("heading", name="Allowed")).to_be_visible()


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_the_actions_are_those_of_the_chosen_type(
    browser: Browser, sidecar: Sidecar, scripts: str
) -> None:
    with visiting(browser, address_of(sidecar), scripts=scripts == ON) as visit:
        tab = visit.tab
        visit.open("/page/people")
        tab.locator('[name="resource_type"]').select_option("invitation")
        if scripts != ON:
            tab.get_by_role("button", name="Show the actions").click()
        action = tab.locator('[name="action"] option', has_text="resend")
        expect(action).to_have_count(1, timeout=SOON)


@pytest.mark.parametrize("path", ["/page/people", FOUND])
def test_it_is_accessible_in_all_its_looks(
    browser: Browser, sidecar: Sidecar, shots: Path, path: str
) -> None:
    inspect(browser, address_of(sidecar), path, shots)
