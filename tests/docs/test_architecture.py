"""`docs/architecture.md` names modules that exist, and every package."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.paths import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`((?:sidecar|tests|policies|docs)/[\w./-]*)`", PAGE)))
PACKAGES = re.search(r"^## Packages$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][
    0
]["layers"]


@pytest.mark.parametrize("path", NAMED)
def test_page_names_what_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_list_of_packages_is_complete() -> None:
    assert PACKAGES is not None
    rows = re.findall(r"^\| (`sidecar/.*?) \|", PACKAGES[1], re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`sidecar/([\w.]+)`", row)}
    entries = {path.name for path in (ROOT / "sidecar").iterdir()}

    assert listed == {
        name
        for name in entries
        if not name.startswith("__") and ("." not in name or name.endswith(".py"))
    }


def test_list_of_packages_has_the_order_of_the_imports() -> None:
    assert PACKAGES is not None
    listed = re.findall(r"`sidecar/(\w+)(?:\.py)?`", PACKAGES[1])
    floors = [set(re.findall(r"\w+", layer)) for layer in reversed(LAYERS)]
    floor_of = {name: floor for floor, names in enumerate(floors) for name in names}

    floors_listed = [floor_of[name] for name in listed]

    assert floors_listed == sorted(floors_listed)
