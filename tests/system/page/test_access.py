"""Who may see the pages, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.admin import ADMIN
from tests.e2e.running import copy_pack, serving
from tests.system.page.visits import SOON, address_of

HELD = "0123456789abcdef-operator"


@pytest.mark.parametrize(("password", "status"), [(HELD, 200), ("wrong", 401)])
def test_a_browser_asks_for_the_token(
    browser: Browser, tmp_path: Path, password: str, status: int
) -> None:
    root = copy_pack(tmp_path / "root")
    (root / "tokens").write_text(f"ann {HELD}\n")
    with serving(root, *ADMIN, "--admin-tokens", "tokens", workers=1) as sidecar:
        context = browser.new_context(
            http_credentials={"username": "ann", "password": password, "send": "unauthorized"}
        )
        tab = context.new_page()
        response = tab.goto(f"{address_of(sidecar)}/page/matrix")
        assert response is not None
        assert response.status == status
        if status == 200:
            # Forms and scripts are answered by the same token.
            tab.goto(f"{address_of(sidecar)}/page/compare")
            tab.get_by_role("button", name="Compare the edited text").click()
            expect(tab.locator("#comparison")).to_contain_text("compared", timeout=SOON)
        context.close()
