"""Planted edits of a small pack: the verdict that follows from what each one means, and its words.

The expected verdicts come from reading the pack, not from what a review says.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.review.pack_revisions import PackPlace
from sidecar.review.verdict import Mount, Options, Review, Verdict, review
from sidecar.review.verdict.words import title
from tests.paths import ROOT

PACK = ROOT / "tests" / "review" / "verdict" / "pack"
NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
MAIN, SCHEMA = "policies/main.polar", "fixtures/schema.yaml"
SUITE, INVARIANTS = "policies/machine_test.yaml", "policies/invariants.yaml"


@dataclass(frozen=True)
class Planted:
    """One edit, the verdict, and what the first entry of the list of edits has to say."""

    name: str
    verdict: Verdict
    file: str
    was: str
    now: str
    says: str = ""


EDITS = [
    Planted(
        "a role is widened",
        Verdict.WIDENS,
        MAIN,
        '"look" if "operator";',
        '"look" if "operator"; "look" if "mechanic";',
        "`look` on Machine is now given to `mechanic`",
    ),
    Planted(
        "a role is narrowed",
        Verdict.NARROWS,
        MAIN,
        '  "repair" if "mechanic";\n',
        "",
        "`repair` on Machine is no longer given to `mechanic`",
    ),
    Planted(
        "a role gets what an invariant forbids",
        Verdict.BREAKS_INVARIANT,
        MAIN,
        '"scrap" if "lead";',
        '"scrap" if "mechanic";',
        "`scrap` on Machine is now given to `mechanic`, and no longer to `lead`",
    ),
    Planted(
        "a condition is dropped",
        Verdict.WIDENS,
        MAIN,
        "  person.trained = true and\n",
        "",
        "rule `on_duty` on Person no longer needs `person.trained = true`",
    ),
    Planted(
        "a condition is added",
        Verdict.NARROWS,
        MAIN,
        "machine.on_show = true and",
        "machine.on_show = true and machine.locked = false and",
        "now also needs `machine.locked = false`",
    ),
    Planted(
        "a condition is negated",
        Verdict.BREAKS_INVARIANT,
        MAIN,
        "  machine.locked = true;",
        "  not machine.locked = true;",
        "now needs `not machine.locked = true`, before `machine.locked = true`",
    ),
    Planted(
        "a boundary is moved: who leaves at this instant is still on duty",
        Verdict.WIDENS,
        MAIN,
        "not person.left <= context.now",
        "not person.left < context.now",
        "now needs `not person.left < context.now`",
    ),
    Planted(
        "a boundary of a prohibition is moved",
        Verdict.WIDENS,
        MAIN,
        "machine.heat >= settings.hottest",
        "machine.heat > settings.hottest",
        "prohibition `too_hot` on Machine now needs `machine.heat > settings.hottest`",
    ),
    Planted(
        "a setting widens",
        Verdict.WIDENS,
        "fixtures/settings.yaml",
        "hottest: 90",
        "hottest: 95",
        "setting `hottest` was 90, now 95",
    ),
    Planted(
        "a setting narrows",
        Verdict.NARROWS,
        "fixtures/settings.yaml",
        "hottest: 90",
        "hottest: 80",
        "setting `hottest` was 90, now 80",
    ),
    Planted(
        "a prohibition is deleted",
        Verdict.WIDENS,
        MAIN,
        'forbid(_: Person, _: Action{name: "run"}, machine: Machine, "too_hot") if\n'
        "  machine.heat >= settings.hottest;\n",
        "",
        "prohibition `too_hot` on Machine: a rule is gone",
    ),
    Planted(
        "an obligation is deleted, which an invariant demands",
        Verdict.BREAKS_INVARIANT,
        MAIN,
        'oblige(_: Person, _: Action{name: "scrap"}, _: Machine, "sign_form");\n',
        "",
        "obligation `sign_form` on Machine: a rule is gone",
    ),
    Planted(
        "a value is no longer sensitive",
        Verdict.WIDENS,
        SCHEMA,
        "phone: {type: string, sensitive: true}",
        "phone: string",
        "`sensitive` of attribute `phone` of type `person` was true, now false",
    ),
    Planted(
        "a type is new, and nobody may do anything with it",
        Verdict.NO_CHANGE,
        SCHEMA,
        "  post:\n    table: posts\n",
        "  tool:\n    table: tools\n    key: id\n    attributes: {id: string}\n"
        "  post:\n    table: posts\n",
        "type `tool` is new",
    ),
    Planted(
        "an enum that a setting has too gets a value that no rule names",
        Verdict.NO_CHANGE,
        SCHEMA,
        "  stage: [made, tested]\n",
        "  stage: [made, tested, sold]\n",
        "value `sold` of enum `stage` is new",
    ),
    Planted(
        "a suite cannot be run, since there is no such world",
        Verdict.CANNOT_TELL,
        SUITE,
        "world: demo",
        "world: demi",
    ),
    Planted(
        "machines may have no heat, and then none is too hot to be run",
        Verdict.WIDENS,
        SCHEMA,
        "      heat: integer\n",
        "      heat: {type: integer, optional: true}\n",
        "`optional` of attribute `heat` of type `machine` was false, now true",
    ),
    Planted(
        "people may have no word about training, who may do no more than the untrained",
        Verdict.NO_CHANGE,
        SCHEMA,
        "      trained: boolean\n",
        "      trained: {type: boolean, optional: true}\n",
        "`optional` of attribute `trained` of type `person` was false, now true",
    ),
    Planted(
        "machines of which nobody says it count as locked",
        Verdict.NARROWS,
        SCHEMA,
        "locked: {type: boolean, default: false}",
        "locked: {type: boolean, default: true}",
        "`default` of attribute `locked` of type `machine` was false, now true",
    ),
    Planted(
        "machines of which nobody says it count as on show",
        Verdict.WIDENS,
        SCHEMA,
        "on_show: {type: boolean, default: false}",
        "on_show: {type: boolean, default: true}",
        "`default` of attribute `on_show` of type `machine` was false, now true",
    ),
    Planted(
        "the default of an enum is another",
        Verdict.NARROWS,
        SCHEMA,
        "stage: {type: stage, default: tested}",
        "stage: {type: stage, default: made}",
        "`default` of attribute `stage` of type `machine` was tested, now made",
    ),
    Planted(
        "a sentence is reworded",
        Verdict.NO_CHANGE,
        "fixtures/reasons.yaml",
        "ask who locked it.",
        "ask the foreman.",
        "reason `locked_out` was",
    ),
    Planted(
        "a case of a suite is removed",
        Verdict.WIDENS,
        SUITE,
        "  - name: at the limit a machine is too hot\n"
        "    subjects: person:lee\n"
        "    actions: run\n"
        "    resource: machine:oven\n"
        "    because:\n"
        "      person:lee: {run: too_hot}\n",
        "",
        "suite case `at the limit a machine is too hot` is gone, with 1 answer",
    ),
    Planted(
        "a suite no longer checks a reason",
        Verdict.WIDENS,
        SUITE,
        "    because:\n      person:lee: {run: too_hot}\n",
        "",
        "suite case `at the limit a machine is too hot`: 1 answer checked for other reasons",
    ),
    Planted(
        "a suite is only renamed",
        Verdict.NO_CHANGE,
        SUITE,
        "each role may do what it is for",
        "what each role is for",
        "",
    ),
    Planted(
        "an invariant is removed",
        Verdict.WIDENS,
        INVARIANTS,
        "  - name: nobody runs a machine that is locked\n"
        "    never:\n"
        "      action: run\n"
        "      when: resource.locked = true\n",
        "",
        "invariant is gone: nobody runs a machine that is locked",
    ),
    Planted(
        "an invariant is weakened",
        Verdict.WIDENS,
        INVARIANTS,
        "unless: role is lead",
        "unless: role in [lead, mechanic]",
        "invariant says less, or something else: only a lead scraps a machine",
    ),
    Planted(
        "an invariant is made stronger",
        Verdict.NO_CHANGE,
        INVARIANTS,
        "      action: run\n",
        "      action: [run, repair]\n",
        "invariant says more than before: nobody runs a machine that is locked",
    ),
    Planted(
        "a helper is extracted",
        Verdict.NO_CHANGE,
        MAIN,
        '  action.name in ["run", "repair"] and\n  machine.locked = true;',
        "  moves(action) and\n  machine.locked = true;\n"
        'moves(action: Action) if action.name in ["run", "repair"];',
        "prohibition `locked_out` on Machine now needs `moves(action)`",
    ),
    Planted(
        "a comment is reworded",
        Verdict.NO_CHANGE,
        MAIN,
        "# Whoever is trained, and has not left.",
        "# The trained ones.",
        "only comments or blanks differ",
    ),
    Planted(
        "a widening, against an invariant, hides behind a refactoring",
        Verdict.BREAKS_INVARIANT,
        MAIN,
        "  post.role = role and\n  on_duty(person);\n",
        "  post.role = role and\n  is_here(person);\n\n"
        "is_here(person: Person) if on_duty(person);\n"
        "is_here(person: Person) if person.trained = true;\n",
        "who has a role on Machine now needs `is_here(person)`",
    ),
    Planted(
        "a rule that an invariant names has another name",
        Verdict.NO_CHANGE,
        MAIN,
        "on_duty",
        "at_work",
        "who has a role on Machine now needs `at_work(person)`, before `on_duty(person)`",
    ),
    Planted(
        "the schema cannot be used",
        Verdict.CANNOT_TELL,
        SCHEMA,
        "      heat: integer\n",
        "      heat: interger\n",
        "the file differs: `heat: interger`",
    ),
    Planted(
        "a reason is renamed",
        Verdict.NO_CHANGE,
        MAIN,
        'machine: Machine, "too_hot") if',
        'machine: Machine, "locked_out") if',
        "prohibition `too_hot` on Machine is now prohibition `locked_out` on Machine",
    ),
    Planted(
        "a policy does not compile",
        Verdict.CANNOT_TELL,
        MAIN,
        "machine.on_show = true and",
        "machine.on_shwo = true and",
        "permission `look` on Machine now needs `machine.on_shwo = true`",
    ),
]


def reviewed(planted: Planted, directory: Path, mutants: int = 0, base: Path = PACK) -> Review:
    """Review an edit of the small pack, or another, which is copied to a directory."""
    new = directory / "new"
    shutil.copytree(base, new)
    file = new / planted.file
    text = file.read_text()
    assert planted.was in text
    file.write_text(text.replace(planted.was, planted.now))
    old, edited = (PackPlace(of.name, of / "policies", of / "fixtures") for of in (base, new))
    worlds = [place.fixtures / "worlds" / "demo" for place in (old, edited)]
    options = Options(
        mount=Mount("demo", (worlds[0], worlds[1]), NOW, is_demanded=False), most_mutants=mutants
    )
    return review(old, edited, options)


@pytest.mark.parametrize("planted", EDITS, ids=[each.name for each in EDITS])
def test_an_edit_has_the_verdict_that_it_deserves(planted: Planted, tmp_path: Path) -> None:
    found = reviewed(planted, tmp_path)

    assert found.verdict is planted.verdict, found.untold
    assert planted.says in (found.edits[0].text if found.edits else "")


def test_what_a_rule_says_of_all_values_but_one_is_widened_by_a_new_value(tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(PACK, base)
    rule = 'forbid(_: Person, _: Action{name: "run"}, machine: Machine, "untested") if\n'
    with (base / MAIN).open("a") as policy:
        policy.write(f'\n{rule}  machine.stage = "made";\n')
    reasons = base / "fixtures/reasons.yaml"
    reasons.write_text(
        reasons.read_text().replace("obligations:", "  untested: Test it.\nobligations:")
    )
    planted = Planted("", Verdict.WIDENS, SCHEMA, "[made, tested]", "[made, tested, sold]")

    found = reviewed(planted, tmp_path, base=base)

    assert found.verdict is Verdict.WIDENS
    gained = [each for each in found.access if each.effect.widens]
    assert {each.actions for each in gained} == {("run",)}
    assert all("stage of the machine is sold" in str(each.conditions) for each in gained)


def test_a_prohibition_that_is_gone_is_said_to_have_forbidden_it_before(tmp_path: Path) -> None:
    rule = (
        'forbid(_: Person, action: Action, machine: Machine, "locked_out") if\n'
        '  action.name in ["run", "repair"] and\n'
        "  machine.locked = true;\n"
    )

    found = reviewed(Planted("", Verdict.WIDENS, MAIN, rule, ""), tmp_path)

    gained = [each.conditions for each in found.access if each.effect.widens]
    assert gained
    assert all("`locked_out` forbade it before" in texts[0] for texts in gained)


def test_whoever_loses_something_because_of_a_default_is_named(tmp_path: Path) -> None:
    found = reviewed(next(each for each in EDITS if "count as locked" in each.name), tmp_path)

    assert found.holders is not None
    assert {(each.gains, each.subject, each.actions) for each in found.holders.holders} == {
        (False, "person:ola", ("run",)),
        (False, "person:mia", ("repair",)),
        (False, "person:lee", ("repair", "run")),
        (False, "person:lee", ("repair",)),  # the oven is too hot to be run anyway
    }
    assert all("locked of the machine is not said" in each.conditions[0] for each in found.access)


def reviewed_from(
    base_edits: list[tuple[str, str, str]], was: str, now: str, directory: Path
) -> Review:
    """Review an edit of the schema of the small pack, which other edits prepare."""
    base, new = directory / "base", directory / "new"
    shutil.copytree(PACK, base)
    for file, before, after in base_edits:
        text = (base / file).read_text()
        assert before in text
        (base / file).write_text(text.replace(before, after, 1))
    shutil.copytree(base, new)
    text = (base / SCHEMA).read_text()
    assert was in text
    (new / SCHEMA).write_text(text.replace(was, now))
    old, edited = (PackPlace(of.name, of / "policies", of / "fixtures") for of in (base, new))
    return review(old, edited, Options(most_mutants=0))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("person: person}}", "person: person}, where: {valid: true}}"),
        ("key: [machine, person]\n", "key: [machine, person]\n    current: {valid: true}\n"),
    ],
    ids=["a look-up", "an id"],
)
def test_another_default_by_which_rows_are_found_cannot_be_told(
    before: str, after: str, tmp_path: Path
) -> None:
    attribute = "role: role\n      valid: {type: boolean, default: false}\n"

    found = reviewed_from(
        [(SCHEMA, before, after), (SCHEMA, "role: role\n", attribute)],
        "valid: {type: boolean, default: false}",
        "valid: {type: boolean, default: true}",
        tmp_path,
    )

    assert found.verdict is Verdict.CANNOT_TELL
    assert any("`default` of `valid` of `post` changes" in str(each) for each in found.untold)


def test_another_default_is_compared_where_a_rule_reads_a_set_of_the_settings(
    tmp_path: Path,
) -> None:
    found = reviewed_from(
        [
            (SCHEMA, "  shown: stage\n", "  shown: set of stage\n"),
            ("fixtures/settings.yaml", "shown: tested", "shown: [tested]"),
            (
                MAIN,
                "machine.stage = settings.shown",
                "settings.shown.includes(machine.stage) = true",
            ),
        ],
        "on_show: {type: boolean, default: false}",
        "on_show: {type: boolean, default: true}",
        tmp_path,
    )

    assert found.verdict is Verdict.WIDENS


def test_rows_whose_references_were_refused_and_are_used_now_weaken_the_guard(
    tmp_path: Path,
) -> None:
    tutor = (
        SCHEMA,
        "trained: boolean\n",
        "trained: boolean\n      tutor: {type: person, optional: true}\n",
    )

    found = reviewed_from(
        [tutor],
        "{type: person, optional: true}",
        "{type: person, optional: true, may_dangle: true}",
        tmp_path,
    )

    assert found.verdict is Verdict.WIDENS
    assert [each.text for each in found.edits if each.weakens] == [
        "`may_dangle` of attribute `tutor` of type `person` was false, now true"
    ]
    assert title(found) == "WIDENS: what guards the policy is weaker; its rules allow nothing more"


def test_a_role_that_rows_could_not_name_is_newly_given(tmp_path: Path) -> None:
    narrow = (SCHEMA, "role: role\n", "role: {type: role, only: [operator, mechanic]}\n")

    found = reviewed_from(
        [narrow], "only: [operator, mechanic]", "only: [operator, mechanic, lead]", tmp_path
    )

    assert found.verdict is Verdict.WIDENS
    assert {"look", "run", "repair", "scrap"} == {
        name for each in found.access for name in each.actions
    }
