"""What `check` says is to be looked at: always so, and with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.review.linting import findings, idle_conditions
from sidecar.review.packs import PackPlace

ROOT = Path(__file__).parents[1]
SCHEMA = """\
enums:
  role: [reader, writer]
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, active: boolean}
  doc:
    table: docs
    key: id
    attributes: {id: string, owner: user, role: role}
    actions:
      view: {}
      edit: {}
      burn: {nobody: true}
settings:
  limit: integer
"""
RULE = "main.polar:8:1: this rule of `has_permission`"
ADDS = "delete it, or mend what it should add"
MAIN = """\
actor User {}
resource Doc {
  permissions = ["view", "edit", "burn"];
}
allow(s: User, action: Action, r: Doc) if has_permission(s, action.name, r);
has_permission(s: User, "view", r: Doc) if r.owner = s;
has_permission(s: User, "edit", r: Doc) if r.owner = s;
"""


def _found(directory: Path, policy: str, *, reasons: str = "{}", schema: str = SCHEMA) -> list[str]:
    for name in ("policies", "fixtures"):
        (directory / name).mkdir()
    (directory / "fixtures" / "schema.yaml").write_text(schema)
    (directory / "fixtures" / "settings.yaml").write_text("limit: 5\n")
    (directory / "fixtures" / "reasons.yaml").write_text(f"reasons: {reasons}\n")
    (directory / "policies" / "main.polar").write_text(policy)
    place = PackPlace("made", directory / "policies", directory / "fixtures")
    return [str(each) for each in findings(place.load(), place.policies, place.fixtures)]


def test_nothing_is_to_be_looked_at_where_every_rule_has_its_use(tmp_path: Path) -> None:
    assert _found(tmp_path, MAIN) == []


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        # One that holds wherever another does, which no tree shows before they are joined.
        (
            'has_permission(s: User, "view", r: Doc) if r.owner = s and s.active = true;',
            f"{RULE} changes nothing: others hold wherever it does; {ADDS}",
        ),
        # The same rule twice: the second is the one too many.
        (
            'has_permission(s: User, "view", r: Doc) if r.owner = s;',
            f"{RULE} changes nothing: others hold wherever it does; {ADDS}",
        ),
        # The owner who is the subject cannot be active and inactive: two facts that are one.
        (
            (
                'has_permission(s: User, "edit", r: Doc) if'
                " r.owner = s and s.active = true and r.owner.active = false;"
            ),
            f"{RULE} can never hold, in no state that can be; mend its conditions, or delete it",
        ),
        (
            'has_permission(_: User, "burn", r: Doc) if r.role = "writer";',
            (
                "schema.yaml:16:1: somebody can `burn` on a `doc`; mend the rule that grants it, or"
                " remove `nobody: true`"
            ),
        ),
    ],
)
def test_a_rule_in_vain_is_told_with_its_place(rule: str, told: str, tmp_path: Path) -> None:
    assert _found(tmp_path, f"{MAIN}{rule}\n") == [told]


def test_a_permission_that_nobody_can_have_is_told(tmp_path: Path) -> None:
    policy = MAIN.replace('has_permission(s: User, "edit", r: Doc) if r.owner = s;\n', "")

    assert _found(tmp_path, policy) == [
        (
            "schema.yaml:15:1: nobody can ever `edit` on a `doc`; grant it in a rule, or write"
            " `nobody: true` here if that is meant"
        )
    ]


def test_a_permission_that_is_always_forbidden_is_one_that_nobody_can_have(tmp_path: Path) -> None:
    policy = f'{MAIN}forbid(_: User, _: Action{{name: "edit"}}, _: Doc, "no");\n'

    found = _found(tmp_path, policy, reasons='{no: "No."}')

    assert [each.partition(";")[0] for each in found] == [
        "schema.yaml:15:1: nobody can ever `edit` on a `doc`"
    ]


def test_a_rule_that_another_setting_brings_to_life_is_none_in_vain(tmp_path: Path) -> None:
    schema = SCHEMA.replace("owner: user,", "owner: user, pages: integer,")
    rule = (
        'has_permission(s: User, "view", r: Doc) if\n  r.owner = s and r.pages > settings.limit;\n'
    )

    assert _found(tmp_path, MAIN + rule, schema=schema) == []


def test_a_rule_that_finds_what_its_caller_does_not_know_is_none_in_vain(tmp_path: Path) -> None:
    rules = (
        'has_permission(s: User, "view", r: Doc) if keeper(k, r) and k = s and s.active = true;\n'
        "keeper(k: User, r: Doc) if k = r.owner;\n"
        'keeper(k: User, r: Doc) if k = r.owner and r.role = "writer";\n'
    )

    found = _found(tmp_path, MAIN + rules)

    assert [each for each in found if "keeper" in each] == []


def test_a_sentence_that_no_rule_leads_to_is_told(tmp_path: Path) -> None:
    (told,) = _found(tmp_path, MAIN, reasons='{lost: "Lost."}')

    assert told.startswith("reasons.yaml: no rule gives the reason `lost`")


def test_a_condition_that_changes_nothing_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    rule = (
        'has_permission(s: User, "view", r: Doc) if\n'
        '  r.role = "writer" and\n'
        "  s.active = true and\n"
        '  not r.role = "reader";\n'
    )
    _found(tmp_path, MAIN + rule)

    told = [str(each) for each in idle_conditions(tmp_path / "policies", tmp_path / "fixtures")]

    # Either of the two says what the other says; the third matters.
    assert [each.partition(";")[0] for each in told] == [
        'main.polar:9:3: the condition `r.role = "writer"` changes nothing',
        'main.polar:11:3: the condition `not r.role = "reader"` changes nothing',
    ]


@pytest.mark.parametrize("pack", [".", "tests/packs/documents", "tests/packs/certification"])
def test_packs_that_are_kept_here_have_nothing_to_look_at(pack: str) -> None:
    directory = ROOT / pack

    result = CliRunner().invoke(
        main,
        [
            "check", "--strict", "--json",
            "--policies", str(directory / "policies"),
            "--fixtures", str(directory / "fixtures"),
            "--data", str(next((directory / "fixtures" / "worlds").iterdir())),
        ],
    )  # fmt: skip

    assert json.loads(result.stdout)["findings"] == []
    assert result.exit_code == 0
