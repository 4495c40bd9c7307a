"""Chains of references in mounted facts that are too long for their depth, or circles."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, Table, build
from sidecar.model import Reference, Request
from sidecar.review.deep_chains import MOST_NAMED, deep_chains
from tests.small_pack import put_pack

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SCHEMA = """
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  folder:
    table: folders
    key: id
    attributes:
      id: string
      parent: {type: folder, optional: true, depth: 3}
      owner: {type: user, optional: true}
    actions: [read]
"""
RULES = """
allow(user: User, _: Action{name: "read"}, folder: Folder) if owns(user, folder);
owns(user: User, folder: Folder) if folder.owner = user;
owns(user: User, folder: Folder) if owns(user, folder.parent);
"""
NAMES = tuple("abcdefgh")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return put_pack(tmp_path_factory.mktemp("pack"), RULES, SCHEMA)


@pytest.fixture(scope="module")
def policy(places: tuple[Path, Path]) -> Policy:
    return load_pack(*places)


def snapshot_of(policy: Policy, parents: dict[str, str | None]) -> Snapshot:
    rows = [
        {"id": name} | ({"parent": parent} if parent else {}) for name, parent in parents.items()
    ]
    return build(
        policy.schema,
        {
            "user": Table("users", [(1, {"id": "u"})]),
            "folder": Table("folders", list(enumerate(rows, 1))),
        },
    )


def messages(facts: Snapshot) -> list[str]:
    return [each.message for each in deep_chains(facts)]


@given(st.fixed_dictionaries({name: st.none() | st.sampled_from(NAMES) for name in NAMES}))
@settings(deadline=None)
def test_chains_are_found_if_and_only_if_a_request_is_denied_for_them(
    policy: Policy, parents: dict[str, str | None]
) -> None:
    facts = snapshot_of(policy, parents)
    denied = [
        name
        for name in NAMES
        for reason in authorize(
            Request(
                subject=Reference("user", "u"), action="read", resource=Reference("folder", name)
            ),
            policy,
            facts,
            NOW,
        ).reasons
        if reason.code == "data_error"
    ]

    found = messages(facts)

    assert bool(found) is bool(denied)
    named = [text.split("`folder` `")[1][0] for text in found]
    assert set(named) <= set(denied)


def test_each_circle_is_named_once_and_each_chain_where_it_first_is_too_long(
    policy: Policy,
) -> None:
    chain: dict[str, str | None] = {"a": "b", "b": "c", "c": "d", "d": "e", "e": "f", "f": None}
    around: dict[str, str | None] = {"x": "z", "y": "x", "z": "y", "w": "x"}

    assert messages(snapshot_of(policy, chain | around)) == [
        "the `parent` of `folder` `x` lead round in a circle",
        "more than 3 `parent` follow each other from `folder` `b`",
    ]


def test_many_are_counted(policy: Policy) -> None:
    chain: dict[str, str | None] = {"b": "c", "c": "d", "d": "e", "e": None}
    many: dict[str, str | None] = {f"a{number}": "b" for number in range(MOST_NAMED + 5)}

    found = messages(snapshot_of(policy, chain | many))

    assert len(found) == MOST_NAMED + 1
    assert found[-1] == "5 more chains of `parent` are too deep or circles"


def test_check_tells_of_them_and_is_strict_about_them(
    places: tuple[Path, Path], tmp_path: Path
) -> None:
    policies, fixtures = places
    (tmp_path / "users.yaml").write_text("- {id: u}\n")
    (tmp_path / "folders.yaml").write_text("- {id: a, parent: a}\n")
    options = ["--policies", str(policies), "--fixtures", str(fixtures), "--data", str(tmp_path)]

    told = CliRunner().invoke(main, ["check", *options])
    strictly = CliRunner().invoke(main, ["check", "--strict", *options])

    assert told.exit_code == 0
    assert "look at folders: the `parent` of `folder` `a` lead round in a circle; " in told.output
    assert strictly.exit_code == 1
