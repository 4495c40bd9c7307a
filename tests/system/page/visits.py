"""Visits of a page: with and without scripts, in all its looks, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from tests.e2e.running import Sidecar
from tests.paths import ROOT

AXE = ROOT / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"

LOOKS = {"light": ("light", 1280), "dark": ("dark", 1280), "narrow": ("light", 390)}
"""A colour scheme and the width of the window, in pixels."""

ON = "scripts"
SCRIPTS = (ON, "no scripts")
"""What tests go through that are the same with and without scripts."""

SOON = 60_000
"""Milliseconds for what takes a moment, on a busy machine."""


def address_of(sidecar: Sidecar) -> str:
    (address,) = re.findall(r"operators ask at: (\S+)", sidecar.log())
    return f"http://{address}"


@dataclass
class Visit:
    """One window of a browser."""

    tab: Tab
    base: str
    faults: list[str] = field(default_factory=list)
    """What the browser reports: errors of scripts, content that the policy forbids."""
    foreign: list[str] = field(default_factory=list)
    """URLs of other hosts that were asked for."""

    def open(self, path: str) -> None:
        response = self.tab.goto(self.base + path)
        assert response is not None
        assert response.status == 200, response.text()

    def findings(self) -> list[str]:
        """Return the rules of accessibility that the page breaks, with the elements."""
        # Evaluated by the browser's own tools, to which the policy of the content does not apply.
        self.tab.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.tab.evaluate("axe.run()")["violations"]
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        script = "document.documentElement.scrollWidth - window.innerWidth"
        return max(int(self.tab.evaluate(script)), 0)


@contextmanager
def visiting(
    browser: Browser, base: str, *, look: str = "light", scripts: bool = True
) -> Iterator[Visit]:
    """Open a window; at its end, nothing may have been reported and no other host asked."""
    scheme, width = LOOKS[look]
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
        java_script_enabled=scripts,
        accept_downloads=True,
    )
    tab = context.new_page()
    visit = Visit(tab, base)
    tab.on("console", lambda said: visit.faults.append(said.text))
    tab.on("pageerror", lambda error: visit.faults.append(str(error)))
    tab.on(
        "request",
        lambda asked: None if asked.url.startswith(base) else visit.foreign.append(asked.url),
    )
    try:
        yield visit
        tab.wait_for_load_state()  # what is not loaded yet would be reported as failed
    finally:
        context.close()
    assert (visit.faults, visit.foreign) == ([], []), (visit.faults, visit.foreign)


def inspect(browser: Browser, base: str, path: str, shots: Path) -> None:
    """Look at a page in each look: it is accessible and fits; keep what it looks like."""
    name = re.sub(r"[^a-z]+", "-", path.removeprefix("/page/"))[:40]
    for look in LOOKS:
        with visiting(browser, base, look=look) as visit:
            visit.open(path)
            assert visit.findings() == [], look
            assert visit.overflow() == 0, look
            visit.tab.screenshot(path=shots / f"{name}-{look}.png", full_page=True)
    with visiting(browser, base) as visit:
        visit.open(path)
        visit.tab.emulate_media(media="print")
        visit.tab.screenshot(path=shots / f"{name}-print.png", full_page=True)
