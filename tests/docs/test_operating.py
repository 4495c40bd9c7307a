"""What `docs/operating.md` promises: the tests that it names exist, and its remedies work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
THREATS = PAGE.partition("\n## Threats\n")[2]
ROWS = [
    line
    for line in re.findall(r"^\| .*", THREATS, re.MULTILINE)
    if not line.startswith(("| threat ", "|---"))
]
TESTS = sorted(set(re.findall(r"`(tests/[\w/.]+(?:::\w+)?)`", THREATS)))


@pytest.mark.parametrize("node", TESTS)
def test_a_test_that_covers_a_threat_exists(node: str) -> None:
    file, _, name = node.partition("::")

    text = (ROOT / file).read_text(encoding="utf-8")

    assert re.search(rf"^def {name or 'test_'}", text, re.MULTILINE)
    assert not name or re.search(rf"^def {name}\(", text, re.MULTILINE)


@pytest.mark.parametrize("row", ROWS)
def test_a_threat_has_a_test_or_says_that_it_has_none(row: str) -> None:
    _, threat, stops, covered, _ = re.split(r"\s*\|\s*", row)

    assert threat
    assert stops
    assert re.fullmatch(r"no test( .*|: .*)?|`tests/\S+`( `tests/\S+`)*", covered)


def test_the_rule_that_stops_all_allows_does(tmp_path: Path) -> None:
    rules = re.findall(r"`(forbid\(_: User, _: Action, .*?\);)`", PAGE)
    for directory in ("policies", "fixtures"):
        shutil.copytree(ROOT / directory, tmp_path / directory)
    permissions = [
        *("permissions", "user:finn", "account:acme", "--at", "2026-12-01T12:00:00Z"),
        *("--policies", str(tmp_path / "policies"), "--fixtures", str(tmp_path / "fixtures")),
    ]

    before = CliRunner().invoke(main, permissions)
    (tmp_path / "policies" / "stop.polar").write_text("\n".join(rules))
    after = CliRunner().invoke(main, permissions)

    assert "cards.view" in before.stdout.splitlines()
    assert len(rules) == 1
    assert (after.exit_code, after.stdout) == (1, "")
