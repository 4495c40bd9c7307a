"""Policy suites: the members of a case, the checks of its grid, and the failures of cells."""

# ruff: noqa: E501  a table reads best with one case on one line

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidSnapshotError, InvalidSuiteError
from sidecar.suites import Cell, read_suites, run_suite
from tests.paths import ROOT

WORLDS = ROOT / "fixtures" / "worlds"

HEAD = """\
suite: try
world: demo
now: 2026-12-01T12:00:00Z
cases:
"""
CASE = """\
  - name: bob may switch, mallory may not
    resource: account:acme
    subjects: [bob, mallory]
    actions: [switch, transfer]
"""


@cache
def policy() -> Policy:
    return load_pack(ROOT / "policies", ROOT / "fixtures")


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "try_test.yaml"


def run(path: Path, text: str, worlds: Path = WORLDS) -> list[Cell]:
    path.write_text(text)
    (suite,) = read_suites(path.parent)
    return list(run_suite(suite, policy(), worlds))


def failures(path: Path, expectations: str, case: str = CASE) -> list[str]:
    return [
        f"{cell.name} {cell.failure}"
        for cell in run(path, HEAD + case + expectations)
        if cell.failure
    ]


def faults(path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidSuiteError) as caught:
        run(path, text)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_grid_is_subjects_by_actions_by_resources(write: Path) -> None:
    case = CASE.replace("resource: account:acme", "resources: [account:acme, account:harbor]")

    actual = run(write, f"{HEAD}{case}    allow: {{bob: {{account:acme: [switch]}}}}\n")

    assert [(str(c.subject), c.action, str(c.resource), c.allowed) for c in actual] == [
        ("user:bob", "switch", "account:acme", True),
        ("user:bob", "transfer", "account:acme", False),
        ("user:mallory", "switch", "account:acme", False),
        ("user:mallory", "transfer", "account:acme", False),
        ("user:bob", "switch", "account:harbor", False),
        ("user:bob", "transfer", "account:harbor", False),
        ("user:mallory", "switch", "account:harbor", False),
        ("user:mallory", "transfer", "account:harbor", False),
    ]
    assert [c.failure for c in actual] == [None] * 8


def test_all_stands_for_every_action_of_the_type(write: Path) -> None:
    case = CASE.replace("[switch, transfer]", "all")

    actual = run(write, HEAD + case)

    assert [c.action for c in actual[:23]] == list(policy().schema.types["account"].actions)


@pytest.mark.parametrize(
    ("expectations", "expected"),
    [
        ("    allow: {bob: [switch]}\n", []),
        ("    allow: {bob: switch}\n", []),
        (
            "",
            [
                "bob may switch, mallory may not: user:bob switch account:acme is allowed, and should be denied"
            ],
        ),
        (
            "    allow: {bob: [switch], mallory: [switch]}\n",
            [
                (
                    "bob may switch, mallory may not: user:mallory switch account:acme"
                    " is denied because of not_granted, and should be allowed"
                )
            ],
        ),
        (
            "    allow: {bob: [switch]}\n    because: {mallory: {switch: [not_granted, plan_required]}}\n",
            [
                (
                    "bob may switch, mallory may not: user:mallory switch account:acme"
                    " is denied because of not_granted, and not of not_granted, plan_required"
                )
            ],
        ),
        (
            "    allow: {bob: all}\n    because: {bob: {transfer: owner_is_fixed}}\n",
            [],
        ),
        (
            "    allow: {bob: [switch]}\n    because: {mallory: {transfer: owner_is_fixed, all: not_granted}}\n",
            [],
        ),
        (
            "    allow: {bob: [switch]}\n    obliges: {bob: {switch: confirm_irreversible}}\n",
            [
                (
                    "bob may switch, mallory may not: user:bob switch account:acme"
                    " obliges to nothing, and not to confirm_irreversible"
                )
            ],
        ),
    ],
)
def test_cell_fails_if_the_decision_differs(
    write: Path, expectations: str, expected: list[str]
) -> None:
    actual = failures(write, expectations)

    assert actual == expected


def test_a_case_with_obliges_lists_every_obligation(write: Path) -> None:
    case = CASE.replace("account:acme", "membership:acme/dora").replace(
        "[switch, transfer]", "[remove]"
    )

    actual = failures(write, "    allow: {bob: [remove]}\n    obliges: {}\n", case)

    assert actual == [
        (
            "bob may switch, mallory may not: user:bob remove membership:acme/dora"
            " obliges to confirm_irreversible, and not to nothing"
        )
    ]


def test_property_of_the_wrong_type_fails_its_cells(write: Path) -> None:
    case = CASE.replace("account:acme", "membership:acme/dora").replace(
        "[switch, transfer]", "[change_role]"
    )

    actual = failures(write, "    properties: {role: 7}\n", case)

    assert [failure.partition("dora ")[2] for failure in actual] == [
        "is an invalid request: `action.properties.role` must be a string"
    ] * 2


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", "7"), ("7.50", "7.50"), ("true", "True"), ('"7"', "'7'"), ("word", "'word'"),
        ("null", "None"), ("[a, 1]", "['a', 1]"), ("{a: false}", "{'a': False}"),
    ],
)  # fmt: skip
def test_properties_are_the_json_values_that_a_caller_would_send(
    write: Path, written: str, value: str
) -> None:
    write.write_text(f"{HEAD}{CASE}    context: {{extra: {written}}}\n")

    (suite,) = read_suites(write.parent)

    context = str(suite.cases[0].context)
    assert context.replace("Decimal('7.50')", "7.50") == f"{{'extra': {value}}}"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "subjects: [mallory, usr:bob], actions: [switch], resource: account:acme",
            "there is no type of subjects `usr`; did you mean `user`? Expect `unknown_subject` under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [switch], resource: acount:acme",
            "there is no type `acount`; did you mean `account`? Expect `unknown_resource` under `because` if that is meant",
        ),
        (
            "subjects: [malory], actions: [switch], resource: account:acme",
            "there is no user `malory`; did you mean `mallory`? Expect `unknown_subject` under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [switch], resource: account:acem",
            "there is no account `acem`; did you mean `acme`? Expect `unknown_resource` under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [change_role], resource: membership:acme/dora, properties: {rle: admin}",
            "`rle` of `properties` is not declared; did you mean `role`?",
        ),
        (
            "subjects: [mallory], actions: [change_role], resource: membership:acme/dora, properties: {role: suport}",
            "`role` of `properties`: `suport` is not one of admin, developer, finance_analyst, support; did you mean `support`? Expect the denial under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [create], resource: invitation:new, resource_properties: {acount: acme}",
            "`acount` of `resource_properties` is not declared; did you mean `account`?",
        ),
        (
            "subjects: [mallory], actions: [create], resource: invitation:new, resource_properties: {status: pending}",
            "`status` of `resource_properties` cannot be sent by a caller; write one of account, email, role. Expect the denial under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [create], resource: invitation:new, resource_properties: {account: acem}",
            "`account` of `resource_properties`: there is no account `acem`; did you mean `acme`? Expect the denial under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [create], resource: invitation:new, resource_properties: {email: at home}",
            "`email` of `resource_properties`: `at home` is not an e-mail address; write it as `name@example.com`. Expect the denial under `because` if that is meant",
        ),
        (
            "subjects: [mallory], actions: [switch], resource: account:acme, subject_properties: {mail: a@b.example}",
            "`mail` of `subject_properties` is not declared; leave it out",
        ),
        (
            "subjects: [mallory], actions: [switch], resource: account:acme, context: {via_prxy: true}",
            "`via_prxy` of `context` is not declared; did you mean `via_proxy`?",
        ),
        (
            "subjects: [mallory], actions: [switch], resource: account:acme, context: {now: 2026-12-01T12:00:00Z}",
            "`now` of `context` is the sidecar's clock; write the `now` of the case. Expect the denial under `because` if that is meant",
        ),
    ],
)
def test_mistake_that_makes_a_denial_true_is_reported(
    write: Path, case: str, expected: str
) -> None:
    actual = faults(write, f"{HEAD}  - {{name: nobody may, {case}}}\n")

    assert actual == [f"5: {expected}"]


@pytest.mark.parametrize(
    "case",
    [
        "subjects: [malory], actions: [switch], resource: account:acme, because: {malory: {switch: unknown_subject}}",
        "subjects: [account:acme], actions: [switch], resource: account:acme, because: {account:acme: {switch: unknown_subject}}",
        "subjects: [ana], actions: [switch], resource: acount:acme, because: {ana: {switch: unknown_resource}}",
        "subjects: [ana], actions: [switch], resource: account:acem, because: {ana: {switch: unknown_resource}}",
        "subjects: [mallory], actions: [create], resource: account:new, allow: {mallory: create}",
        "subjects: [dora], actions: [remove], resource: membership:acme/ana",
        "subjects: [mallory], actions: [view], resource: number:any, resource_properties: {account: acme}",
        "subjects: [zoe], actions: [switch], resource: account:acme, facts: {users: [{id: zoe, email: zoe@acme.example}]}",
    ],
)
def test_intended_denial_is_no_mistake(write: Path, case: str) -> None:
    actual = run(write, f"{HEAD}  - {{name: nobody may, {case}}}\n")

    assert [cell.failure for cell in actual] == [None]


def test_mistakes_are_reported_together_with_their_lines(write: Path) -> None:
    case = CASE.replace("mallory]", "malory]").replace("account:acme", "account:acem")

    actual = faults(write, f"{HEAD}{case}    context:\n      via_prxy: true\n")

    assert [fault.partition(":")[0] for fault in actual] == ["6", "7", "10"]


def test_a_case_can_have_another_now_than_its_suite(write: Path) -> None:
    early = """\
  - name: cy may accept as long as the invitation holds
    now: 2026-12-23T23:59:59Z
    subjects: [cy]
    actions: [accept]
    resource: invitation:inv-7
"""
    late = early.replace("as long", "no longer").replace("23:59:59", "23:59:59.999999")
    over = early.replace("as long as", "not when").replace("23T23:59:59Z", "24T00:00:00Z")

    actual = run(write, HEAD.replace("2026-12-01", "2027-02-01") + early + late + over)

    wrongly_denied = "is allowed, and should be denied"
    assert [cell.failure for cell in actual] == [wrongly_denied, wrongly_denied, None]


def test_invalid_now_of_a_suite_is_reported_once(write: Path) -> None:
    actual = faults(write, f"{HEAD}{CASE}".replace("2026-12-01T12:00:00Z", "2026-12-01"))

    assert len(actual) == 1
    assert actual[0].startswith("3: `now`: `2026-12-01` is not an instant")


@pytest.mark.parametrize(
    ("facts", "allowed"),
    [
        ("accounts: [{id: acme, plan: pay_as_you_go}]", False),
        ("accounts: [{id: acme, contract_ends: null}]", False),
        ("memberships: [{account: acme, user: bob, status: removed}]", False),
        ("memberships: [{account: acme, user: mallory, role: support, status: active}]", True),
        ("users: [{id: zoe, email: zoe@acme.example}]", True),
        ("accounts: [{id: acme, monthly_commitment: '750'}]", True),
    ],
)
def test_facts_change_the_world_for_one_case(write: Path, facts: str, allowed: bool) -> None:  # noqa: FBT001  a table
    case = CASE.replace("[switch, transfer]", "[switch]")
    changed = case.replace("bob may", "with other facts bob may") + f"    facts: {{{facts}}}\n"

    actual = run(write, f"{HEAD}{changed}{case}    allow: {{bob: [switch]}}\n")

    by_subject = {str(cell.subject): cell for cell in actual[:2]}
    subject = "user:mallory" if "mallory" in facts else "user:bob"
    assert (by_subject[subject].failure is not None) is allowed
    assert [cell.failure for cell in actual[2:]] == [None, None]


def test_the_last_row_of_a_repeated_key_is_the_one_that_facts_change(write: Path) -> None:
    case = CASE.replace("[bob, mallory]", "[nia]").replace("[switch, transfer]", "[switch]")

    actual = failures(
        write, "    facts: {memberships: [{account: acme, user: nia, status: removed}]}\n", case
    )

    assert actual == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("    allow: {carl: [switch]}", "9: `allow` of `carl`: `switch` is not in the grid"),
        ("    allow: {bob: [numbers.view]}", "9: `allow` of `bob`: `numbers.view` is not in the grid"),
        (
            "    allow: {bob: {account:harbor: [switch]}}",
            "9: `allow` of `bob`: `account:harbor switch` is not in the grid",
        ),
        ("    because: {bob: {numbers.view: not_granted}}", "9: `because` of `bob`: `numbers.view` is not in the grid"),
        ("    obliges: {bob: {numbers.view: confirm_irreversible}}", "9: `obliges` of `bob`: `numbers.view` is not in the grid"),
        ("    obliges: {bob: {switch: confirm_irreversible}}", "9: `bob switch account:acme` is denied, and obliges to nothing"),
        (
            "    allow: {bob: [switch]}\n    because: {bob: {switch: not_granted}}",
            "10: `bob switch account:acme` is allowed on line 9",
        ),
        (
            "    because: {bob: {switch: not_granted, account:acme: {switch: plan_required}}}",
            "9: `bob switch account:acme` is already on line 9",
        ),
        (
            "    allow: {bob: all}\n    because: {bob: {all: not_granted}}",
            "9: `allow` of `bob`: `all` matches no cell that is left",
        ),
        ("    because: {bob: {switch: not_grantd}}", "9: reason `not_grantd` has no sentence; did you mean `not_granted`?"),
        (
            "    allow: {bob: [switch]}\n    obliges: {bob: {switch: confirm}}",
            "10: obligation `confirm` has no sentence",
        ),
        ("    because: {bob: {switch: []}}", "9: `because` of `bob` and `switch` is empty; write a name or leave it out"),
        ("    because: {bob: not_granted}", "9: `because` of `bob` is the text `not_granted`; write a map, such as `name: ...`"),
        ("    allows: {bob: [switch]}", "9: a case has no member `allows`; did you mean `allow`?"),
        ("    resources: [account:harbor]", "6: a case has `resource` or `resources`, not both"),
        ("    facts: {acounts: [{id: acme}]}", "5: `facts` names `acounts`, which is no table; did you mean `accounts`?"),
        ("    facts: {accounts: {id: acme}}", "9: `accounts` of `facts` is no list of rows"),
        (
            "    facts: {accounts: [{id: acme, plan: paid}]}",
            "5: with the `facts` of this case: accounts:9: column `plan`: `paid` is not one of committed, pay_as_you_go",
        ),
        ("    now: tomorrow", "9: `now`: `tomorrow` is not an instant with an offset; write it as `2026-12-24T00:00:00Z`"),
    ],
)  # fmt: skip
def test_fault_of_a_case_is_reported_with_its_line(write: Path, lines: str, expected: str) -> None:
    actual = faults(write, f"{HEAD}{CASE}{lines}\n")

    assert expected in actual


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("[switch, transfer]", "[swich]", "5: `swich` is no action of these resources; did you mean `switch`? Expect `unknown_action` if that is meant"),
        ("[switch, transfer]", "[]", "8: `actions` is empty; write a name or leave it out"),
        ("    actions: [switch, transfer]\n", "", "5: a case has no `actions`; write a list"),
        ("    subjects: [bob, mallory]\n", "", "5: a case has no `subjects`; write a list"),
        ("    resource: account:acme\n", "", "5: a case has no `resources`; write a list"),
        ("account:acme", "acme", "5: resource `acme` has no type; write `type:id`"),
        ("name: bob may switch, mallory may not", "subject_properties: {}", "5: a case has no `name`; write one"),
        ("world: demo", "world: dmo", "2: there is no world `dmo`; did you mean `demo`?"),
        ("world: demo\n", "", "1: the suite has no `world`; write one"),
        ("suite: try\n", "", "1: the suite has no `suite`; write one"),
        ("now: 2026-12-01T12:00:00Z\n", "", "4: case `bob may switch, mallory may not` has no `now`; write an instant"),
    ],
)  # fmt: skip
def test_fault_of_a_suite_is_reported_with_its_line(
    write: Path, before: str, after: str, expected: str
) -> None:
    text = f"{HEAD}{CASE}    allow: {{}}\n"

    actual = faults(write, text.replace(before, after))

    assert expected in actual


def test_unknown_type_has_no_actions_that_all_could_name(write: Path) -> None:
    case = CASE.replace("account:acme", "acount:acme").replace("[switch, transfer]", "all")

    actual = faults(write, HEAD + case)

    assert actual == [
        "5: `all` names nothing: there is no type `acount`; did you mean `account`?",
        "5: the grid of this case is empty; name an action",
    ]


def test_two_cases_of_one_name_are_refused(write: Path) -> None:
    actual = faults(write, HEAD + CASE + CASE)

    assert actual == ["9: the case on line 5 has this name too; tell them apart"]


def test_suite_that_ends_with_yml_is_refused(write: Path) -> None:
    path = write.with_suffix(".yml")
    path.write_text("")

    with pytest.raises(InvalidSuiteError) as raised:
        read_suites(path.parent)

    assert [problem.message for problem in raised.value.problems] == [
        f"is not read; rename it to `{path.stem}.yaml`"
    ]


def test_suite_without_cases_is_refused(write: Path) -> None:
    actual = faults(write, HEAD)

    assert actual == ["1: the suite has no cases; write `cases:` and a list"]


def test_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}_test.yaml").write_text("suite: [")

    with pytest.raises(InvalidSuiteError) as caught:
        read_suites(tmp_path)

    files = [problem.file for problem in caught.value.problems]
    assert files == [f"{tmp_path.name}/one_test.yaml", f"{tmp_path.name}/two_test.yaml"]


def test_faults_of_a_world_are_reported_as_those_of_a_mount(write: Path, tmp_path: Path) -> None:
    (tmp_path / "worlds" / "demo").mkdir(parents=True)

    with pytest.raises(InvalidSnapshotError):
        run(write, HEAD + CASE, tmp_path / "worlds")


def test_denial_by_a_failed_rule_is_a_failure(tmp_path: Path) -> None:
    pack = ROOT / "tests" / "packs" / "documents"
    (tmp_path / "cycle_test.yaml").write_text(
        "suite: cycle\nworld: library\nnow: 2026-12-01T12:00:00Z\ncases:\n"
        "  - name: nobody may view folders that hold each other\n    resource: folder:c00\n"
        "    subjects: [mallory]\n    actions: [view]\n"
        "    facts: {folders: [{id: c00, parent: c01}]}\n"
    )
    (suite,) = read_suites(tmp_path)

    (cell,) = run_suite(
        suite, load_pack(pack / "policies", pack / "fixtures"), pack / "fixtures" / "worlds"
    )

    assert (cell.failure or "").startswith("is denied only because a rule failed: ")
