"""The page of health: what is wrong, and what was decided most often."""

from __future__ import annotations

from dataclasses import replace

from sidecar.errors import Problem
from sidecar.facts import Facts
from sidecar.page import Counts
from sidecar.page.context import Values
from sidecar.page.health import MOST_ROWS, decision_rows, denial_rows
from sidecar.reload import Pair, State
from tests.edge import Still
from tests.page.pages import client_of, page_of, shipped_pair, text_of


class Faulty(Still):
    def state(self) -> State:
        problems = (Problem("account.polar", 7, "`<script>alert(1)</script>` is no action"),)
        return State(self.pair, problems)


def test_a_fault_of_the_newest_files_is_shown_with_its_line_and_escaped() -> None:
    page = replace(page_of(shipped_pair()), pairs=Faulty(shipped_pair()))

    document = client_of(page).get("/page/health").text

    assert "account.polar 7 `<script>alert(1)</script>` is no action" in text_of(document)
    assert "<script>alert" not in document


def test_the_most_frequent_denials_come_first_with_their_sentences() -> None:
    page = replace(
        page_of(shipped_pair()),
        counts=lambda: Counts(
            decisions={("account", "switch", "allow"): 3, ("account", "switch", "deny"): 9},
            reasons={
                ("account", "switch", "not_granted"): 2,
                ("account", "land", "unknown_subject"): 7,
            },
            reloads={("policy", "used"): 1, ("policy", "refused"): 4, ("facts", "used"): 2},
        ),
    )

    text = text_of(client_of(page).get("/page/health").text)

    assert text.index("unknown_subject") < text.index("not_granted")
    assert "Policies: 1 used, 4 refused. Facts: 2 used, 0 refused." in text
    assert "account switch 3 9" in text


def test_only_the_most_frequent_are_listed() -> None:
    counts: Values = {
        ("account", f"action{number}", "deny"): float(number) for number in range(100)
    }

    rows = decision_rows(counts)

    assert [row.denied for row in rows] == list(range(99, 99 - MOST_ROWS, -1))
    assert len(denial_rows(counts, {})) == MOST_ROWS


class Nothing(Still):
    def current(self) -> Pair:
        raise AssertionError("the health of a closed page needs no facts")

    def age(self, _: Facts) -> float:
        raise AssertionError("the health of a closed page needs no facts")


def test_a_closed_page_reads_no_facts() -> None:
    pair = shipped_pair()
    page = replace(page_of(pair), pairs=Nothing(pair), closed="closed")

    assert client_of(page).get("/page/health").status_code == 200
