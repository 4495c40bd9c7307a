"""Health in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.running import EDIT, Sidecar, write
from tests.system.page.visits import ON, SCRIPTS, address_of, inspect, visiting

DENIED = {**EDIT, "subject": "user:nobody"}


def test_it_is_accessible_in_all_its_looks(browser: Browser, sidecar: Sidecar, shots: Path) -> None:
    sidecar.ask("/v1/authorize", DENIED)

    inspect(browser, address_of(sidecar), "/page/health", shots)


@pytest.mark.parametrize("scripts", SCRIPTS)
def test_a_person_sees_denials_and_a_bad_edit(
    browser: Browser, sidecar: Sidecar, scripts: str
) -> None:
    file = sidecar.policies / "account.polar"
    good = file.read_text()
    sidecar.ask("/v1/authorize", DENIED)
    try:
        write(file, good + "\nallow(_, <img src=x onerror=alert(1)>, _);\n")
        with visiting(browser, address_of(sidecar), scripts=scripts == ON) as visit:
            main = visit.tab.get_by_role("main")
            visit.open("/")
            if scripts == ON:  # the page renews itself
                expect(main).to_contain_text("account.polar", timeout=60_000)
            else:
                while "account.polar" not in main.inner_text():
                    visit.tab.reload()
            expect(main).to_contain_text("numbers.edit")
            expect(main).to_contain_text("unknown_subject")
            expect(main.locator("img")).to_have_count(0)
    finally:
        write(file, good)


def test_it_is_used_by_keyboard_alone(browser: Browser, sidecar: Sidecar) -> None:
    with visiting(browser, address_of(sidecar)) as visit:
        visit.open("/page/health")
        visit.tab.keyboard.press("Tab")
        expect(visit.tab.get_by_text("Skip to the content")).to_be_focused()
        expect(visit.tab.get_by_text("Skip to the content")).to_be_in_viewport()
        visit.tab.keyboard.press("Enter")
        expect(visit.tab.get_by_role("main")).to_be_focused()
