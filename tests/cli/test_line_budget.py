"""What does not fit on a page is drawn together, and then counted."""

from __future__ import annotations

from sidecar.cli.line_budget import fitting

LINES = [
    "newly allowed: view on folder",
    "  when a",
    "   and b",
    "or when c",
    "or when d",
    "   and e",
    "newly denied: edit on folder",
    "  when f",
]


def test_lines_that_fit_stay_as_they_are() -> None:
    assert fitting(LINES, 8, "--all") == LINES


def test_what_holds_together_is_written_in_one_line() -> None:
    assert fitting(LINES, 6, "--all") == [
        "newly allowed: view on folder",
        "  when a and b",
        "or when c",
        "or when d and e",
        "newly denied: edit on folder",
        "  when f",
    ]


def test_more_than_two_alternatives_are_counted_before_any_change_is_left_out() -> None:
    lines = [*LINES[:6], "or when g", *LINES[6:]]

    assert fitting(lines, 6, "--all") == [
        "newly allowed: view on folder",
        "  when a and b",
        "or when c",
        "or under 2 more conditions",
        "newly denied: edit on folder",
        "  when f",
    ]


def test_what_is_left_out_is_counted() -> None:
    assert fitting(LINES, 3, "--all") == [
        "newly allowed: view on folder",
        "  when a and b",
        "and 4 more lines: --all shows them",
    ]
