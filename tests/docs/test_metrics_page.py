"""The table of metrics in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from sidecar.metrics.catalog import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

ROW = re.compile(r"^\| `(sidecar_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", re.MULTILINE)


def test_page_has_a_row_for_each_metric() -> None:
    rows = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in ROW.findall(PAGE.read_text())
    ]

    expected = [(each.name, each.kind.value, each.labels, each.help) for each in METRICS]
    assert rows == expected
