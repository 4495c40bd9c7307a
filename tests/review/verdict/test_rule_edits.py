"""What two texts of a policy say differently, in words, and where."""

from __future__ import annotations

import pytest

from sidecar.review.verdict.model import EditKind
from sidecar.review.verdict.rule_edits import policy_edits

OLD = """\
resource Doc {
  roles = ["reader", "writer"];
  permissions = ["view", "edit"];
  "view" if "reader";
  "edit" if "writer";
}
# Who is late.
late(doc: Doc) if
  doc.due < context.now and
  doc.open = true;
forbid(_: User, _: Action, doc: Doc, "late") if late(doc);
"""


def _told(old: str, new: str) -> list[tuple[str, str]]:
    edits = policy_edits({"doc.polar": old}, {"doc.polar": new}, "policies")
    return [(str(edit.places), edit.text) for edit in edits.in_words()]


@pytest.mark.parametrize(
    ("was", "now", "place", "text"),
    [
        (
            '"edit" if "writer";',
            '"edit" if "reader";',
            "policies/doc.polar:5",
            "`edit` on Doc is now given to `reader`, and no longer to `writer`",
        ),
        (
            '  "view" if "reader";\n',
            "",
            "policies/doc.polar:4",
            "`view` on Doc is no longer given to `reader`",
        ),
        (
            "doc.due < context.now",
            "doc.due <= context.now",
            "policies/doc.polar:9",
            "rule `late` on Doc now needs `doc.due <= context.now`, before `doc.due < context.now`",
        ),
        (
            " and\n  doc.open = true",
            "",
            "policies/doc.polar:9",
            "rule `late` on Doc no longer needs `doc.open = true`",
        ),
        (
            '"late") if',
            '"closed") if',
            "policies/doc.polar:11",
            "prohibition `late` on Doc is now prohibition `closed` on Doc",
        ),
        (
            '["reader", "writer"]',
            '["reader", "writer", "guest"]',
            "policies/doc.polar:2",
            "role `guest` of Doc is new",
        ),
    ],
)
def test_an_edit_is_told_in_words_with_its_line(was: str, now: str, place: str, text: str) -> None:
    assert OLD.count(was) == 1

    told = _told(OLD, OLD.replace(was, now))

    assert told == [(place, text)]


def test_permissions_that_are_given_alike_are_told_together() -> None:
    given = '"view" if "reader";'
    new = OLD.replace(given, f'{given} "view" if "guest"; "edit" if "guest";')

    told = _told(OLD, new)

    assert told == [("policies/doc.polar:4", "`view`, `edit` on Doc are now given to `guest`")]


@pytest.mark.parametrize(
    "new",
    [
        OLD.replace("# Who is late.", "# Overdue."),
        OLD.replace("\n  doc.open", "   doc.open"),
        "# Who{2}\n{0}".format(*OLD.partition("# Who")),
    ],
    ids=["comment", "blanks", "order"],
)
def test_what_says_the_same_is_layout(new: str) -> None:
    edits = policy_edits({"doc.polar": OLD}, {"doc.polar": new}, "policies")

    assert edits.statements == ()
    assert [edit.kind for edit in edits.in_words()] == [EditKind.LAYOUT]


def test_a_rule_that_moves_to_another_file_is_no_edit_of_a_rule() -> None:
    head, mark, tail = OLD.partition("# Who")

    edits = policy_edits({"doc.polar": OLD}, {"doc.polar": head, "late.polar": mark + tail}, "p")

    assert edits.statements == ()
    assert {str(edit.places) for edit in edits.in_words()} == {"p/doc.polar", "p/late.polar"}
