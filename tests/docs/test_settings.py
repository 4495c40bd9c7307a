"""`docs/settings.md` names each setting with its variable, its default and its meaning."""

from __future__ import annotations

import re

import pytest

from sidecar.config.settings import Settings
from sidecar.config.variables import FORMS, default_text, variable
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@pytest.mark.parametrize("name", sorted(Settings.__dataclass_fields__))
def test_page_names_each_setting_with_its_default(name: str) -> None:
    explained, _, default = FORMS[name].help.partition("  [default: ")
    default = default.removesuffix("]") or (f"`{text}`" if (text := default_text(name)) else "")

    assert f"| `{_option(name)}` | `{variable(name)}` | {default} | {explained} |" in PAGE


def test_page_names_no_setting_that_there_is_not() -> None:
    assert set(re.findall(r"^\| `(--.*?)` ", PAGE, re.MULTILINE)) == set(map(_option, FORMS))
