"""The texts of a policy are divided as Oso reads them, and any text is read or refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sidecar.polar.builder import read_string
from sidecar.polar.parser import tokenize
from sidecar.polar.source import read_source
from tests.library import ACTOR, Library
from tests.paths import ROOT

POLICY = """\
actor User {}
resource Folder {
  roles = ["reader", "owner"];
  permissions = ["view"];
  relations = {parent: Folder};
  "view" if "reader";
  "reader" if "reader" on "parent";
}
has_role(user: User, "owner", folder: Folder) if folder.owner = user;
has_role(user: User, role: String, folder: Folder) if
  share = folder.share(user) and share.role = role and not share.until <= context.now;
has_relation(parent: Folder, "parent", folder: Folder) if parent = folder.parent;
allow(user: User, action: Action, folder: Folder) if
  has_permission(user, action.name, folder);
allow(user: User, action: Action, doc: Doc) if  # in any order
  forall(x in [1, 2], doc.pages > x) and action.name in ["edit", "tag"] and doc.author = user;
forbid(_: User, action: Action, doc: Doc, "no") if
  action.role.exists = false and doc matches Doc{public: true, folder: f} and f.id = "top";
oblige(_: User, _: Action, doc: Doc, "log") if doc.labels.includes(settings.word) or doc.secret;
"""
PIECES = re.findall(r'"[^"\n]*"|\w+|[:!<>=]=|[^\s\w]|\s+', POLICY)
WORDS = sorted({*PIECES, "new", "cut", "nil", "in", "==", "?=", "5", "1.5", "*", "-", '.("id")'})


@settings(deadline=None)
@given(some.text())
def test_any_text_is_divided_or_told_to_be_wrong(text: str) -> None:
    tokens = tokenize(text)

    starts = [token.start_pos or 0 for token in tokens]
    assert starts == sorted(set(starts))
    assert all(text[token.start_pos : token.end_pos] == token for token in tokens)
    assert all(token.line == 1 + text[: token.start_pos].count("\n") for token in tokens)
    source, problems = read_source("a.polar", text)
    assert problems or not tokens or source.rules or source.blocks


@settings(deadline=None)
@given(some.lists(some.sampled_from(WORDS)).map(" ".join))
def test_any_row_of_tokens_is_divided_into_statements(text: str) -> None:
    source, problems = read_source("a.polar", text)

    assert all(1 <= problem.line <= 1 + text.count("\n") for problem in problems)
    assert len(source.rules) + len(source.blocks) <= text.count(";") + text.count("}")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("mutants"))


@settings(
    deadline=None,
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    some.lists(
        some.tuples(
            some.integers(0, len(PIECES) - 1),
            some.sampled_from(["", *WORDS]),
            some.booleans(),
        ),
        min_size=1,
        max_size=3,
    )
)
@pytest.mark.many
def test_a_policy_with_slips_loads_or_is_refused_with_places(
    shared: Library, slips: list[tuple[int, str, bool]]
) -> None:
    pieces = list(PIECES)
    for position, word, kept in slips:
        pieces[position] = f"{pieces[position]} {word} " if kept else f" {word} "

    refusals = shared.refusals("".join(pieces))

    for refusal in refusals:
        assert re.fullmatch(r"main\.polar(:\d+)?: .+", refusal)
        assert "Oso failed" not in refusal


def test_tokens_know_their_lines_across_comments_and_endings() -> None:
    tokens = tokenize('a # "b\r\n\r\n# c\n"d # e" f\n')

    assert [(token, token.line) for token in tokens] == [("a", 1), ('"d # e"', 4), ("f", 4)]


@pytest.mark.parametrize(
    ("written", "value"),
    [('"a"', "a"), (r'"\n\t\r\0\"\\"', '\n\t\r\0"\\'), ('"ä#;"', "ä#;")],
)
def test_a_string_is_read_with_its_escapes(written: str, value: str) -> None:
    (token,) = tokenize(written)

    assert read_string(token) == value


def test_a_comment_hides_no_rule_from_reviewers(library: Library) -> None:
    # Oso ends a comment at a carriage return, which few editors show.
    hidden = "allow(_: User, _: Action, _: Folder);\n# old:\rallow(_: User, _: Action, _: Doc);\n"

    (refusal,) = library.refusals(ACTOR, hidden)

    assert refusal.startswith(
        "main.polar:3: a carriage return stands alone here (column 7); save the file"
    )


def test_the_shipped_policy_is_divided_completely() -> None:
    for file in sorted((ROOT / "policies").glob("*.polar")):
        source, problems = read_source(file.name, file.read_text())

        assert problems == []
        assert source.rules or source.blocks
