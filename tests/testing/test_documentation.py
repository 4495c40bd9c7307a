"""The examples of docs/testing.md hold."""

from __future__ import annotations

import re

import pytest

from tests.paths import ROOT

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "testing.md").read_text(), re.MULTILINE | re.DOTALL
)


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=["the rules", "the fake"])
def test_the_example_holds(example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    exec(compile(example, "docs/testing.md", "exec"), {})  # noqa: S102  our own example
