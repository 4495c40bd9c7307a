"""What `check` says is to be looked at: always so, and with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import main
from sidecar.review.idle_conditions import idle_conditions
from sidecar.review.lint import absences, findings, unread
from sidecar.review.pack_revisions import PackPlace
from tests.paths import ROOT

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


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        # Nothing calls it; nor does what it calls itself.
        (
            "helper(s: User) if s.active = true;\n",
            ["main.polar:8:1: nothing asks this rule of `helper`, so it decides nothing"],
        ),
        (
            "one(s: User) if two(s);\ntwo(s: User) if one(s);\n",
            [
                "main.polar:8:1: nothing asks this rule of `one`, so it decides nothing",
                "main.polar:9:1: nothing asks this rule of `two`, so it decides nothing",
            ],
        ),
        # It is asked with another number of parameters, and for another text.
        (
            (
                "helper(s: User) if s.active = true;\nhelper(s: User, _: Doc) if s.active = true;\n"
                'has_permission(s: User, "burn", _: Doc) if helper(s);\n'
            ),
            ["main.polar:9:1: nothing asks this rule of `helper`, so it decides nothing"],
        ),
        (
            (
                'helper(s: User, "a") if s.active;\nhelper(s: User, "b") if s.active;\n'
                'has_permission(s: User, "burn", _: Doc) if helper(s, "b");\n'
            ),
            ["main.polar:8:1: nothing asks this rule of `helper`, so it decides nothing"],
        ),
    ],
)
def test_a_rule_that_no_entry_point_reaches_is_told(
    rules: str, told: list[str], tmp_path: Path
) -> None:
    found = _found(tmp_path, MAIN + rules)

    assert [each.partition(";")[0] for each in found if "nothing asks" in each] == told


def _idle(directory: Path, rule: str, **more: str) -> list[str]:
    _found(directory, MAIN + rule, **more)
    return [str(each) for each in idle_conditions(directory / "policies", directory / "fixtures")]


def test_nobody_is_advised_to_delete_the_condition_of_a_prohibition(tmp_path: Path) -> None:
    rule = (
        'forbid(s: User, _: Action, r: Doc, "no") if\n  r.owner = s and closed(r);\n'
        'closed(r: Doc) if r.role in ["reader", "writer"];\n'
    )

    told = _idle(tmp_path, rule, reasons='{no: "No."}')

    assert [each.partition("; ")[2] for each in told] == ["mend what it should ask"] * 2


def test_nobody_is_advised_to_delete_the_only_condition_of_a_grant(tmp_path: Path) -> None:
    told = _idle(
        tmp_path, 'has_permission(_: User, "burn", r: Doc) if r.role in ["reader", "writer"];\n'
    )

    assert [each.partition("; ")[2] for each in told] == ["mend what it should ask"]


def test_a_rule_that_nothing_asks_has_no_condition_to_look_at(tmp_path: Path) -> None:
    assert _idle(tmp_path, "helper(s: User, r: Doc) if r.owner = s and s.active = true;\n") == []


BY_ABSENCE: dict[str, tuple[str, str] | None] = {
    "not r.until <= context.now": ("r.until <= context.now", "r.until"),
    "not (s.active and r.until <= context.now)": ("r.until <= context.now", "r.until"),
    "r.by != s": ("r.by != s", "r.by"),
    "not r.by.active": ("r.by.active", "r.by.active"),
    "by := r.by and not by = s": ("by = s", "by"),
    "not over(r)": None,  # told where it is compared
    "r.until > context.now": None,
    "r.until.exists = false": None,
    "r.until.exists = true and not r.until <= context.now": None,
    "not r.owner.active": None,
    "(r.by = s or r.owner = s)": None,
}


def test_grants_that_hold_because_a_fact_is_absent_are_named(tmp_path: Path) -> None:
    actions = [f"a{number}" for number in range(len(BY_ABSENCE))]
    optional = (
        "role: role, until: {type: instant, optional: true}, by: {type: user, optional: true}"
    )
    schema = SCHEMA.replace("role: role", optional).replace(
        "      view: {}", "".join(f"      {each}: {{}}\n" for each in actions) + "      view: {}"
    )
    permissions = ", ".join(f'"{each}"' for each in actions)
    rules = "".join(
        f'has_permission(s: User, "{action}", r: Doc) if r.role = "reader" and f(s) and {each};\n'
        for action, each in zip(actions, BY_ABSENCE, strict=True)
    )
    more = "f(_: User);\nover(r: Doc) if r.until <= context.now;\n"
    policy = MAIN.replace('["view",', f'[{permissions}, "view",') + rules + more
    _found(tmp_path, policy, schema=schema)

    found = list(absences(tmp_path / "policies", tmp_path / "fixtures"))

    wanted = {
        f"{line}: `{told[0]}` grants where `{told[1]}` is absent"
        for line, told in enumerate(BY_ABSENCE.values(), 8)
        if told is not None
    }
    wanted.add(f"{9 + len(BY_ABSENCE)}: `r.until <= context.now` grants where `r.until` is absent")
    assert {f"{each.line}: {each.message}" for each in found} == wanted
    assert all("if that is not meant, ask `" in each.fix for each in found)


def test_a_condition_that_a_prohibition_asks_too_grants_nothing_by_absence(tmp_path: Path) -> None:
    schema = SCHEMA.replace("role: role", "role: role, by: {type: user, optional: true}")
    rules = """\
is_by(s: User, r: Doc) if r.by = s;
has_permission(s: User, "view", r: Doc) if is_by(s, r);
has_permission(_: User, "burn", r: Doc) if r.role = "reader";
forbid(s: User, _: Action{name: "burn"}, r: Doc, "no") if is_by(s, r);
"""
    _found(tmp_path, f"{MAIN}{rules}", schema=schema, reasons='{no: "No."}')

    assert list(absences(tmp_path / "policies", tmp_path / "fixtures")) == []


def test_files_that_look_like_a_part_of_the_pack_and_are_not_read_are_named(tmp_path: Path) -> None:
    _found(tmp_path, MAIN)
    (tmp_path / "policies" / "old").mkdir()
    (tmp_path / "fixtures" / "world" / "demo").mkdir(parents=True)
    (tmp_path / "fixtures" / "worlds").mkdir()
    named = {
        "policies/lab_tests.yaml": "policies/lab_tests.yaml",
        "policies/test_lab.yml": "policies/test_lab.yml",
        "policies/invariants.yml": "policies/invariants.yml",
        "policies/other.pol": "policies/other.pol",
        "policies/other.Polar": "policies/other.Polar",
        "policies/old/more.polar": "policies/old",
        "fixtures/seting.yaml": "fixtures/seting.yaml",
        "fixtures/schema.yml": "fixtures/schema.yml",
        "fixtures/more.polar": "fixtures/more.polar",
        "fixtures/world/demo/users.yaml": "fixtures/world",
        "fixtures/worlds/users.yaml": "fixtures/worlds/users.yaml",
    }
    others = [
        "policies/lab_test.yaml", "policies/lab_test.yml", "policies/invariants.yaml",
        "policies/README.md", "policies/matrix.txt", "policies/main.polar.bak", "policies/.x.polar",
        "policies/main.polar~", "fixtures/personal_email_settings.yaml",
        "fixtures/settings.yaml.bak", "fixtures/sources.yaml",
    ]  # fmt: skip
    for name in (*named, *others):
        (tmp_path / name).write_text("")

    found = unread(tmp_path / "policies", tmp_path / "fixtures")

    assert {each.file for each in found} == set(named.values())
    assert all("not read" in each.message and each.fix for each in found)


def test_files_that_are_not_read_are_named_when_the_pack_does_not_load_too(tmp_path: Path) -> None:
    _found(tmp_path, MAIN)
    (tmp_path / "fixtures" / "settings.yaml").rename(tmp_path / "fixtures" / "seting.yaml")

    result = CliRunner().invoke(main, ["check", "--policies", str(tmp_path / "policies")])

    assert result.exit_code == 1
    assert "look at fixtures/seting.yaml: is not read; was `settings.yaml` meant?" in result.output


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
