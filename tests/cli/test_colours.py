"""Words of results are coloured on a terminal, and nowhere else."""

from __future__ import annotations

import pytest

from sidecar.cli.colours import print_line
from tests.cli.test_progress import on_a_terminal


@pytest.fixture(autouse=True)
def _colours_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("allow", "\x1b[32m\x1b[1mallow\x1b[0m"),
        ("newly allowed: edit", "\x1b[31m\x1b[1mnewly allowed\x1b[0m: edit"),
        ("unproved   a", "\x1b[33m\x1b[1munproved\x1b[0m   a"),
        ("allowance", "allowance"),
        ("  deny", "  deny"),
    ],
)
def test_a_word_of_a_result_at_the_start_of_a_line_is_coloured(
    line: str, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert on_a_terminal(monkeypatch, "stdout", lambda: print_line(line)) == f"{printed}\r\n"


def test_no_color_leaves_colours_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    assert on_a_terminal(monkeypatch, "stdout", lambda: print_line("deny")) == "deny\r\n"


def test_there_are_no_colours_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_line("deny")

    assert capsys.readouterr().out == "deny\n"
