"""Asking in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from tests.e2e.running import Sidecar
from tests.system.page.visits import ON, SCRIPTS, SOON, address_of, inspect, visiting

ASKED = (
    "/page/ask?subject_type=user&subject=finn&action=numbers.edit"
    "&resource_type=account&resource=acme"
)


def fill(tab: Tab, scripts: str) -> None:
    """Ask whether bob may make dora an administrator."""
    tab.locator('[name="resource_type"]').select_option("membership")
    if scripts != ON:
        tab.get_by_role("button", name="Show the actions").click()
    tab.locator('[name="action"]').select_option("change_role")
    if scripts != ON:
        tab.get_by_role("button", name="Show the actions").click()
    tab.locator('[name="subject"]').fill("bob")
    tab.locator('[name="resource"]').fill("acme/dora")
    tab.get_by_text("What the caller sends along").click()
    tab.locator('[name="action.role"]').select_option("admin")
    tab.get_by_role("button", name="Ask").click()


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_asks_and_the_address_keeps_the_question(
    browser: Browser, sidecar: Sidecar, scripts: str
) -> None:
    with visiting(browser, address_of(sidecar), scripts=scripts == ON) as visit:
        tab = visit.tab
        visit.open("/page/ask")
        fill(tab, scripts)
        expect(tab.get_by_role("heading", name="Allowed")).to_be_visible(timeout=SOON)
        expect(tab.get_by_role("main")).to_contain_text("user:bob may change_role")
        tab.reload()
        expect(tab.get_by_role("heading", name="Allowed")).to_be_visible()
        expect(tab.locator('[name="action.role"]')).to_have_value("admin")


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_sees_the_rules_by_line_and_the_nearest_changes(
    browser: Browser, sidecar: Sidecar, scripts: str
) -> None:
    with visiting(browser, address_of(sidecar), scripts=scripts == ON) as visit:
        main = visit.tab.get_by_role("main")
        visit.open(ASKED)
        visit.tab.get_by_text("Show the rules by file and line").click()
        expect(main).to_contain_text("account.polar:", timeout=SOON)
        expect(main).to_contain_text("resource.membership(subject).role is admin or developer")


def test_ids_are_completed_while_a_person_types(browser: Browser, sidecar: Sidecar) -> None:
    with visiting(browser, address_of(sidecar)) as visit:
        visit.open("/page/ask?resource_type=membership")
        visit.tab.locator('[name="resource"]').press_sequentially("acme/d")
        proposed = visit.tab.locator("#resource-ids option")
        expect(proposed).to_have_count(1, timeout=SOON)
        expect(proposed).to_have_attribute("value", "acme/dora")


@pytest.mark.parametrize("path", ["/page/ask", ASKED, ASKED.replace("/ask", "/why")])
def test_it_is_accessible_in_all_its_looks(
    browser: Browser, sidecar: Sidecar, shots: Path, path: str
) -> None:
    inspect(browser, address_of(sidecar), path, shots)


def test_a_question_is_asked_by_keyboard_alone(browser: Browser, sidecar: Sidecar) -> None:
    with visiting(browser, address_of(sidecar)) as visit:
        tab = visit.tab
        visit.open("/page/ask")
        tab.locator('[name="subject"]').focus()
        tab.keyboard.type("ana")
        tab.keyboard.press("Tab")
        tab.keyboard.type("team.m")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Tab")
        tab.keyboard.type("acme")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("heading", name="Allowed")).to_be_visible(timeout=SOON)


def test_a_hostile_question_runs_nothing(browser: Browser, sidecar: Sidecar) -> None:
    hostile = "%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    with visiting(browser, address_of(sidecar)) as visit:
        visit.open(f"/page/ask?subject={hostile}&action={hostile}&resource={hostile}")
        expect(visit.tab.get_by_role("heading", name="Denied")).to_be_visible()
        expect(visit.tab.locator("img")).to_have_count(0)
