"""A property of one name that several actions declare in their own ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main

SCHEMA = """\
enums:
  hazard: [none, chemical, radiation]
types:
  person: {subject: true, table: people, key: id, attributes: {id: string}}
  lab:
    table: labs
    key: id
    attributes: {id: string, hazard: hazard}
    actions:
      store: {properties: {what: {type: hazard}}}
      burn: {properties: {what: {type: hazard, only: [none, chemical]}}}
      bury: {properties: {what: {type: hazard, only: [radiation, none], default: none}}}
      look: {}
"""
POLICY = """\
allow(_: Person, action: Action, lab: Lab) if action.what = lab.hazard;
allow(_: Person, _: Action{name: "look"}, _: Lab);
"""
GIVEN = {
    None: {"look"},
    "chemical": {"store", "burn", "look"},
    "radiation": {"look"},
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pack")
    world = directory / "fixtures" / "worlds" / "demo"
    world.mkdir(parents=True)
    (directory / "policies").mkdir()
    (directory / "fixtures" / "schema.yaml").write_text(SCHEMA)
    (directory / "fixtures" / "settings.yaml").write_text("{}\n")
    (directory / "fixtures" / "reasons.yaml").write_text("{}\n")
    (directory / "policies" / "main.polar").write_text(POLICY)
    (world / "people.yaml").write_text("- {id: ana}\n")
    (world / "labs.yaml").write_text("- {id: l, hazard: chemical}\n")
    return directory


def _run(pack: Path, *arguments: str) -> str:
    places = ["--policies", str(pack / "policies"), "--fixtures", str(pack / "fixtures")]
    result = CliRunner().invoke(main, [*arguments, *places], catch_exceptions=False)
    return result.stdout


def test_a_pack_that_passes_the_check_can_be_served(pack: Path) -> None:
    assert "is" not in _run(pack, "check").splitlines()[0]
    assert _run(pack, "permissions", "person:ana", "lab:l").split() == ["look"]


@pytest.mark.parametrize("said", GIVEN)
def test_each_action_admits_its_own_values(pack: Path, said: str | None) -> None:
    given = ["--property", f"what={said}"] if said else []
    allowed = {
        action
        for action in ("store", "burn", "bury", "look")
        if _run(pack, "authorize", "person:ana", action, "lab:l", *given).startswith("allow")
    }

    assert allowed == GIVEN[said]
    assert set(_run(pack, "permissions", "person:ana", "lab:l", *given).split()) == allowed


@pytest.mark.parametrize("command", [["matrix"], ["diff", "."], ["check", "--conditions"]])
def test_reviewers_tools_read_such_a_pack(pack: Path, command: list[str]) -> None:
    arguments = [str(pack) if each == "." else each for each in command]

    assert "Traceback" not in _run(pack, *arguments)
