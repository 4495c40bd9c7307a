"""A running sidecar, and a headless Chromium in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.admin import ADMIN
from tests.e2e.running import Sidecar, copy_pack, serving

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield started
        started.close()


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    root = copy_pack(tmp_path_factory.mktemp("page") / "root")
    with serving(root, *ADMIN, workers=1) as running:
        yield running


@pytest.fixture(scope="session")
def shots() -> Path:
    """Return the directory of screenshots, which continuous integration keeps."""
    directory = Path(__file__).parents[3] / "dist" / "page"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
