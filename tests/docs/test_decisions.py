"""Records of decisions have one form, and are listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.paths import ROOT

RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
LIST = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record_has_number_date_and_parts(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    parts = re.findall(r"^## (.*)", text, re.MULTILINE)

    assert text.startswith(f"# {record.stem[:4]}: ")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d", text, re.MULTILINE)
    assert [part for part in parts if part in {"Context", "Decision", "Consequences"}] == [
        "Context",
        "Decision",
        "Consequences",
    ]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record_is_listed(record: Path) -> None:
    assert f"| [{record.stem[:4]}]({record.name}) | " in LIST
