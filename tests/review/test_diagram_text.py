"""Trees as text."""

from __future__ import annotations

import pytest

from sidecar.compiler import load_pack
from sidecar.config.settings import Settings
from sidecar.engine.policy import Policy
from sidecar.review.diagram_text import outline

SCHEMA = """
types:
  user: {subject: true, table: users, key: id, attributes: {id: string, name: string}}
  note:
    table: notes
    key: id
    attributes:
      id: string
      writer: user
      pages: integer
      parent: {type: note, optional: true}
      until: {type: instant, optional: true}
    actions: [read, count, keep, ask, close]
settings:
  names: set of string
"""
POLICY = """
allow(user: User, _: Action{name: "read"}, _: Note) if user.name in ["ana", "bob"];
allow(_: User, _: Action{name: "count"}, note: Note) if note.pages >= 2 and note.pages <= 5;
allow(_: User, _: Action{name: "keep"}, note: Note) if context.now < note.until;
allow(user: User, _: Action{name: "keep"}, note: Note) if note.writer = user;
allow(user: User, _: Action{name: "ask"}, note: Note) if within(user, note);
allow(user: User, _: Action{name: "close"}, _: Note) if settings.names.includes(user.name) = true;
within(user: User, note: Note) if note.writer = user;
within(user: User, note: Note) if within(user, note.parent);
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    directory = tmp_path_factory.mktemp("pack")
    (directory / "main.polar").write_text(POLICY)
    (directory / "schema.yaml").write_text(SCHEMA)
    (directory / "settings.yaml").write_text("names: [ana]\n")
    (directory / "reasons.yaml").write_text("{}\n")
    return load_pack(directory, directory)


@pytest.fixture(scope="module")
def shipped() -> Policy:
    return load_pack(Settings().policies, Settings().fixtures)


def lines(policy: Policy, action: str) -> list[str]:
    return [line.strip() for line in outline(policy, action, "note")]


def test_a_text_is_shown_with_the_literals_that_matter(policy: Policy) -> None:
    told = lines(policy, "read")

    assert {"subject.name?", '"ana", "bob": yes', "anything else: no"} <= set(told)


def test_a_number_is_shown_with_its_intervals(policy: Policy) -> None:
    told = lines(policy, "count")

    assert {"resource.pages?", "< 2, > 5: no", ">= 2 and <= 5: yes"} <= set(told)


def test_an_order_and_an_equality_are_shown_as_questions(policy: Policy) -> None:
    told = "\n".join(lines(policy, "keep"))

    assert "context.now against resource.until?" in told
    assert "resource.writer = subject?" in told
    assert "less: yes" in told


def test_a_set_is_shown_as_what_it_includes(policy: Policy) -> None:
    assert "settings.names includes subject.name?" in lines(policy, "close")


def test_what_oso_is_asked_about_is_said(policy: Policy) -> None:
    assert lines(policy, "ask") == ["granted to user? Oso is asked"]


def test_a_part_that_branches_share_is_written_once(shipped: Policy) -> None:
    told = list(outline(shipped, "view", "number"))

    assert any(line.strip().startswith("[1] ") for line in told)
    assert any(line.endswith("as [1]") for line in told)


@pytest.mark.parametrize(
    ("action", "resource", "line"),
    [
        ("remove", "membership", "obliged, confirm_irreversible? yes"),
        ("transfer", "account", "granted to user? no"),
        ("transfer", "account", "forbidden, owner_is_fixed? yes"),
    ],
)
def test_a_decision_without_a_question_takes_one_line(
    shipped: Policy, action: str, resource: str, line: str
) -> None:
    assert line in list(outline(shipped, action, resource))


def test_every_tree_of_the_shipped_policy_can_be_written(shipped: Policy) -> None:
    types = shipped.schema.types

    for resource, declared in types.items():
        for action in declared.actions:
            assert list(outline(shipped, action, resource)), (resource, action)
