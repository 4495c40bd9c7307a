"""Rules that Oso answers at request time: references that lead to an entity on many ways."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.facts import Snapshot, Table, build
from sidecar.model import Reference, Request

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LEVELS = 40
"""Two references of each level make a million million ways."""
SCHEMA = """
types:
  person: {subject: true, table: people, key: id, attributes: {id: string}}
  folder:
    table: folders
    key: id
    attributes:
      id: string
      parent: {type: folder, optional: true}
      mirror: {type: folder, optional: true}
      owner: {type: person, optional: true}
    actions: [view]
"""
RULES = """
actor Person {}
allow(person: Person, action: Action, folder: Folder) if
  has_permission(person, action.name, folder);
resource Folder {
  roles = ["reader"];
  permissions = ["view"];
  relations = {parent: Folder, mirror: Folder};
  "view" if "reader";
  "reader" if "reader" on "parent";
  "reader" if "reader" on "mirror";
}
has_role(person: Person, "reader", folder: Folder) if folder.owner = person;
has_relation(other: Folder, "parent", folder: Folder) if other = folder.parent;
has_relation(other: Folder, "mirror", folder: Folder) if other = folder.mirror;
"""


class Pack(NamedTuple):
    policies: Path
    fixtures: Path


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    directory = tmp_path_factory.mktemp("pack")
    policies, fixtures = directory / "policies", directory / "fixtures"
    policies.mkdir()
    fixtures.mkdir()
    (policies / "main.polar").write_text(RULES)
    (fixtures / "schema.yaml").write_text(SCHEMA)
    (fixtures / "settings.yaml").write_text("{}\n")
    (fixtures / "reasons.yaml").write_text("{}\n")
    return Pack(policies, fixtures)


@pytest.fixture(scope="module")
def policy(pack: Pack) -> Iterator[Policy]:
    policy = load_pack(*pack)
    yield policy
    policy.interpreter.close()


def diamonds(policy: Policy, top: dict[str, str]) -> Snapshot:
    """Return folders of which each has the next one as its parent and as its mirror."""
    rows = [
        {"id": f"f{at}", "parent": f"f{at + 1}", "mirror": f"f{at + 1}"} for at in range(LEVELS)
    ]
    folders = [*rows, {"id": f"f{LEVELS}"} | top]
    people = [{"id": "ana"}, {"id": "eve"}]
    return build(
        policy.schema,
        {
            "person": Table("people", list(enumerate(people, 1))),
            "folder": Table("folders", list(enumerate(folders, 1))),
        },
    )


def asked(person: str, folder: str = "f0") -> Request:
    return Request(
        subject=Reference("person", person), action="view", resource=Reference("folder", folder)
    )


def codes(policy: Policy, facts: Snapshot, person: str) -> list[str]:
    return [each.code for each in authorize(asked(person), policy, facts, NOW).reasons]


def test_a_rule_is_asked_once_about_an_entity_on_whatever_ways_it_is_reached(
    policy: Policy,
) -> None:
    facts = diamonds(policy, {"owner": "ana"})

    assert policy.entries["person", "folder", "view"].granted is None
    assert authorize(asked("ana"), policy, facts, NOW).allowed
    assert codes(policy, facts, "eve") == ["not_granted"]


def test_references_that_lead_round_are_a_fault_on_whatever_ways(policy: Policy) -> None:
    facts = diamonds(policy, {"parent": "f0"})

    decision = authorize(asked("ana"), policy, facts, NOW)

    assert codes(policy, facts, "ana") == ["policy_error"]
    assert "references lead back to where they began; a circle?" in decision.faults[0]
    assert not authorize(asked("ana", "f7"), policy, facts, NOW).allowed


def test_an_explanation_follows_each_reference_once_too(pack: Pack, tmp_path: Path) -> None:
    folders = [f"- {{id: f{at}, parent: f{at + 1}, mirror: f{at + 1}}}\n" for at in range(LEVELS)]
    (tmp_path / "folders.yaml").write_text("".join(folders) + f"- {{id: f{LEVELS}, owner: ana}}\n")
    (tmp_path / "people.yaml").write_text("- {id: ana}\n")
    places = ["--policies", str(pack.policies), "--fixtures", str(pack.fixtures)]

    told = CliRunner().invoke(
        main, ["explain", "person:ana", "view", "folder:f0", *places, "--data", str(tmp_path)]
    )

    assert told.exit_code == 0
    assert f"resource{'.parent' * LEVELS}.owner is ana" in told.output
