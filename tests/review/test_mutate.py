"""Mutants: which are made, and that none is called equivalent which some state tells apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import EXIT_NO, EXIT_TROUBLE, EXIT_YES, main
from sidecar.compiler.child_process import compile_in_child
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.compiler.variant_process import Variants
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidPackError
from sidecar.model import Decision
from sidecar.review.aligned_diagrams import NEW_SIDE, OLD_SIDE, Joined
from sidecar.review.mutants import Mutant, mutants_of
from sidecar.review.mutate import Fate, Trial, Verdict, mutate, telling
from sidecar.review.pack_revisions import PackPlace
from sidecar.review.witness import changed_entries, compared
from sidecar.suites import read_suites, run_suites
from tests.depth import deep
from tests.reviewing.small import NOW, SCHEMA, policy_text, states

SEEDS = range(deep(8))
POLICY = """\
actor User {}
allow(user: User, action: Action, doc: Doc) if may(user, action.name, doc);
may(user: User, action, doc: Doc) if
  action in ["view", "edit"] and
  user = doc.owner and
  doc.pages >= 5;
may(user: User, _action: String, doc: Doc) if doc.share(user).role = "writer";
forbid(_: User, _: Action{name: "edit"}, doc: Doc, "r1") if not doc.stage = "draft";
"""
MAY = "may(user: User, _action: String, doc: Doc)"
FORBID = 'forbid(_: User, _: Action{name: "edit"}, doc: Doc, "r1")'
SUITE = """\
suite: docs
world: demo
now: 2026-03-01T00:00:00Z
cases:
  - name: the owner may view and edit, and nobody else may do anything
    resource: doc:d1
    subjects: [ann, bob]
    actions: [view, edit]
    allow: {ann: all}
"""
WORLD = {
    "users": "- {id: ann, active: true}\n- {id: bob, active: true}\n",
    "docs": "- {id: d1, owner: ann, stage: draft, pages: 5}\n",
    "shares": "[]\n",
}


@pytest.fixture
def places(tmp_path: Path) -> PackPlace:
    return pack(tmp_path, POLICY, SUITE)


def pack(directory: Path, policy: str, suite: str = "") -> PackPlace:
    """Write a pack about the small world."""
    made = PackPlace("pack", directory / "policies", directory / "fixtures")
    world = made.fixtures / "worlds" / "demo"
    for each in (made.policies, world):
        each.mkdir(parents=True, exist_ok=True)
    (made.policies / "main.polar").write_text(policy)
    (made.fixtures / "schema.yaml").write_text(SCHEMA)
    (made.fixtures / "settings.yaml").write_text("")
    (made.fixtures / "reasons.yaml").write_text("reasons: {r1: First., r2: Second.}\n")
    if suite:
        (made.policies / "docs_test.yaml").write_text(suite)
    for table, rows in WORLD.items():
        (world / f"{table}.yaml").write_text(rows)
    return made


def made_of(places: PackPlace) -> tuple[Mutant, ...]:
    texts, _ = read_texts(places.policies, places.fixtures)
    return mutants_of(texts.texts, texts.schema)


def fates(places: PackPlace) -> list[Verdict]:
    return list(mutate(places, workers=1)[1])


def compiled(
    places: PackPlace, mutants: tuple[Mutant, ...]
) -> Iterator[tuple[Mutant, Policy, Policy]]:
    """Yield each mutant that loads, with the pack and the variant."""
    texts, sentences = read_texts(places.policies, places.fixtures)
    with Variants(texts, sentences) as variants:
        for mutant in mutants:
            text = mutant.applied(texts.texts[mutant.file])
            try:
                yield mutant, variants.policy, variants.compile({mutant.file: text})
            except InvalidPackError:
                continue


def test_each_kind_of_slip_is_made_with_a_sentence(places: PackPlace) -> None:
    sentences = {(each.line, each.sentence) for each in made_of(places)}

    assert {
        (2, "delete the rule `allow(user: User, action: Action, doc: Doc)`"),
        (4, 'drop `"view"` from `action in ["view", "edit"]`'),
        (4, 'write `or` for `and` between `action in ["view", "edit"]` and `user = doc.owner`'),
        (5, "drop the condition `user = doc.owner`"),
        (5, "negate the condition `user = doc.owner`"),
        (6, "move the boundary of `doc.pages >= 5`: `>` for `>=`"),
        (6, "write `4` for `5` in the rule `may(user: User, action, doc: Doc)`"),
        (6, "write `6` for `5` in the rule `may(user: User, action, doc: Doc)`"),
        (
            7,
            f'write `"reader"` for `"writer"` in the rule `{MAY}`',
        ),
        (8, 'take any `Action` for `Action{name: "edit"}`'),
        (8, 'take anything for `_: Action{name: "edit"}`'),
        (8, 'drop the `not` of `not doc.stage = "draft"`'),
        (
            8,
            f'write `"view"` for `"edit"` in the rule `{FORBID}`',
        ),
    } <= sentences


def test_a_variable_that_is_left_alone_gets_an_underscore(places: PackPlace) -> None:
    text = (places.policies / "main.polar").read_text()
    (dropped,) = (
        each for each in made_of(places) if each.sentence == "drop the condition `user = doc.owner`"
    )

    assert "may(_user: User, action, doc: Doc) if" in dropped.applied(text)


def test_a_block_loses_lines_and_swaps_roles(tmp_path: Path) -> None:
    block = (
        "actor User {}\n"
        'resource Doc {\n  roles = ["reader", "writer"];\n  permissions = ["view"];\n'
        '  "view" if "reader";\n}\n'
        "allow(user: User, action: Action, doc: Doc) if has_permission(user, action.name, doc);\n"
        'has_role(user: User, "reader", doc: Doc) if user = doc.owner;\n'
    )
    sentences = {each.sentence for each in made_of(pack(tmp_path, block))}

    assert {
        'drop `"writer"` from the roles of `Doc`',
        'delete the line `"view" if "reader";` of `Doc`',
        'write `"writer"` for `"reader"` in `"view" if "reader";`',
    } <= sentences


def test_fates_are_told_apart(places: PackPlace) -> None:
    found = {each.mutant.sentence: each for each in fates(places)}

    killed = found["delete the rule `allow(user: User, action: Action, doc: Doc)`"]
    assert killed.fate is Fate.REFUSED  # a pack without it does not load
    assert "allow" in killed.why
    boundary = found["move the boundary of `doc.pages >= 5`: `>` for `>=`"]
    assert boundary.fate is Fate.KILLED
    assert "ann view doc:d1 is denied" in boundary.why.replace("user:", "")
    assert found["drop the condition `user = doc.owner`"].fate is Fate.KILLED
    equivalent = found["take anything for `_: User`"]
    assert equivalent.fate is Fate.EQUIVALENT
    moved = found["write `4` for `5` in the rule `may(user: User, action, doc: Doc)`"]
    assert moved.fate is Fate.SURVIVED
    assert "pages: 4" in moved.case


def test_the_cases_of_survivors_kill_them_when_they_are_pasted(places: PackPlace) -> None:
    survivors = [each for each in fates(places) if each.fate is Fate.SURVIVED]
    assert survivors
    suite = places.policies / "docs_test.yaml"
    for each in survivors:
        assert each.case.startswith("# into docs_test.yaml")
        suite.write_text(
            suite.read_text() + "".join(f"  {line}\n" for line in each.case.splitlines())
        )

    after = fates(places)

    assert [each for each in after if each.fate is Fate.SURVIVED] == []
    assert Counter(each.fate for each in after)[Fate.KILLED] > len(survivors)


def test_few_of_many_survivors_are_shown_those_first_that_give_access(places: PackPlace) -> None:
    # Without a case: two of one line, one that gives access, and one of another line.
    edit = made_of(places)[0].edit
    at = [("a.polar", 1), ("a.polar", 1), ("a.polar", 2), ("b.polar", 1)]
    survivors = [
        Verdict(Mutant(file, line, edit), Fate.SURVIVED, "no case", widens=(file, line) == at[2])
        for file, line in at
    ]
    killed = Verdict(Mutant("c.polar", 1, edit), Fate.KILLED)

    shown = telling([killed, *survivors], 3)

    assert shown == [survivors[0], survivors[2], survivors[3]]


def answered(decision: Decision) -> object:
    reasons = frozenset(each.code for each in decision.reasons)
    return decision.allowed, reasons, frozenset(each.code for each in decision.obligations)


@pytest.mark.many
def test_no_mutant_is_called_equivalent_that_some_state_tells_apart(tmp_path: Path) -> None:
    verdicts: Counter[tuple[bool, bool]] = Counter()
    for seed in SEEDS:
        places = pack(tmp_path / str(seed), policy_text(seed))
        (tmp_path / "small").mkdir(exist_ok=True)
        world = states(tmp_path / "small")
        try:
            mutants = made_of(places)[::4]
            tried = list(compiled(places, mutants))
        except InvalidPackError:  # a policy by chance can be one that does not load
            continue
        for mutant, policy, variant in tried:
            comparison = compared(policy, variant, changed_entries(policy, variant))
            apart = any(
                answered(authorize(each.request, policy, each.snapshot, NOW))
                != answered(authorize(each.request, variant, each.snapshot, NOW))
                for each in world
            )
            assert comparison.differs or not apart, (seed, mutant)
            assert (comparison.witness is not None) == comparison.differs, (seed, mutant)
            verdicts[comparison.differs, apart] += 1

    assert verdicts[True, True] > 40
    assert verdicts[False, False] > 10


@pytest.mark.many
def test_a_variant_is_what_compiling_its_texts_anew_gives(tmp_path: Path) -> None:
    compared = 0
    for seed in SEEDS[: deep(5)]:
        places = pack(tmp_path / str(seed), policy_text(seed))
        texts, sentences = read_texts(places.policies, places.fixtures)
        try:
            tried = list(compiled(places, made_of(places)[seed::25]))
        except InvalidPackError:
            continue
        for mutant, _, variant in tried:
            text = mutant.applied(texts.texts[mutant.file])
            fresh = type(texts)(
                texts.schema, texts.settings, texts.codes, {mutant.file: text}, texts.seconds
            )
            joined = Joined(variant, assemble(fresh, sentences, compile_pack(fresh)))
            for subject, resource, action in variant.entries:
                scope = (subject, resource)
                sides = [joined.allowed(side, scope, action) for side in (OLD_SIDE, NEW_SIDE)]
                assert sides[0] is sides[1], (seed, mutant)
                for code in ("r1", "r2"):
                    sides = [
                        joined.forbidden(side, scope, action, code) for side in (OLD_SIDE, NEW_SIDE)
                    ]
                    assert sides[0] is sides[1], (seed, mutant)
            compared += 1

    assert compared > 5


def test_suites_that_fail_before_any_edit_are_told_in_one_line(tmp_path: Path) -> None:
    places = pack(tmp_path, POLICY, SUITE.replace("allow: {ann: all}", "allow: {bob: all}"))

    result = CliRunner().invoke(main, ["mutate", *pack_options(places)])

    assert result.exit_code == EXIT_TROUBLE
    last = "policies: 4 of 4 answers are not as expected before any edit"
    assert last in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output


NESTED_SCHEMA = """\
types:
  person: {subject: true, table: people, key: id, attributes: {id: string}}
  folder:
    table: folders
    key: id
    attributes: {id: string, owner: person, parent: {type: folder, optional: true}}
    actions: [read]
  note:
    table: notes
    key: id
    attributes: {id: string, owner: person}
    actions: [view]
"""
NESTED_POLICY = """\
actor Person {}
allow(person: Person, action: Action, folder: Folder) if
  has_permission(person, action.name, folder);
resource Folder {
  roles = ["reader"]; permissions = ["read"]; relations = {parent: Folder};
  "read" if "reader"; "reader" if "reader" on "parent";
}
has_role(person: Person, "reader", folder: Folder) if folder.owner = person;
has_relation(parent: Folder, "parent", folder: Folder) if folder.parent = parent;
allow(person: Person, _: Action{name: "view"}, note: Note) if
  note.owner = person and note.owner = person;
"""
NESTED_SUITE = """\
suite: nested
now: 2026-03-01T00:00:00Z
world: demo
cases:
  - name: the owner of a folder may read it, and nobody else may
    resource: folder:top
    subjects: [ana, eve]
    actions: all
    allow: {ana: all}
  - name: the owner of a note may view it, and nobody else may
    resource: note:n
    subjects: [ana, eve]
    actions: all
    allow: {ana: all}
"""


def test_slips_in_rules_that_oso_answers_are_tried_and_never_called_equivalent(
    tmp_path: Path,
) -> None:
    places = pack(tmp_path, NESTED_POLICY, NESTED_SUITE)
    (places.fixtures / "schema.yaml").write_text(NESTED_SCHEMA)
    (places.fixtures / "reasons.yaml").write_text("")
    world = places.fixtures / "worlds" / "demo"
    (world / "people.yaml").write_text("- {id: ana}\n- {id: eve}\n")
    (world / "folders.yaml").write_text(
        "- {id: top, owner: ana}\n- {id: sub, owner: eve, parent: top}\n"
    )
    (world / "notes.yaml").write_text("- {id: n, owner: ana}\n")
    for table in WORLD:
        (world / f"{table}.yaml").unlink()

    inherited = 'delete the line `"reader" if "reader" on "parent";` of `Folder`'
    with Trial(places) as trial:
        found = {
            (mutant.line, mutant.sentence): trial.judge(mutant).fate
            for mutant in made_of(places)
            if mutant.line in {8, 11} or mutant.sentence == inherited
        }

    # Killed by the suite, though only Oso could answer.
    assert found[8, "drop the condition `folder.owner = person`"] is Fate.KILLED
    # No case reads a folder for its parent's sake.
    assert found[6, inherited] is Fate.SURVIVED
    # Oso is never asked about notes: the second condition repeats the first.
    assert found[11, "drop the condition `note.owner = person`"] is Fate.EQUIVALENT


def pack_options(places: PackPlace) -> tuple[str, ...]:
    return ("--policies", str(places.policies), "--fixtures", str(places.fixtures))


def run(places: PackPlace, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["mutate", *options, *pack_options(places)])
    return result.exit_code, result.stdout


def test_the_command_shows_survivors_and_counts(places: PackPlace) -> None:
    status, output = run(places)

    assert status == EXIT_NO
    *shown, counts = output.splitlines()
    first = next(line for line in shown if not line.startswith(" "))
    assert (
        first == "main.polar:6: write `4` for `5` in the rule `may(user: User, action, doc: Doc)`"
    )
    assert counts.startswith(f"{len(made_of(places))} mutants: ")
    assert " 0 killed" not in counts


def test_the_command_speaks_json(places: PackPlace) -> None:
    status, output = run(places, "--json", "--workers", "1")

    answer = json.loads(output)
    assert status == EXIT_NO
    assert sum(answer["counts"].values()) == len(answer["mutants"]) == len(made_of(places))
    refused = next(each for each in answer["mutants"] if each["fate"] == "refused")
    assert refused["why"]


def test_a_policy_whose_suites_notice_everything_is_a_yes(tmp_path: Path) -> None:
    policy = (
        'actor User {}\nallow(user: User, _: Action{name: "view"}, doc: Doc) if user = doc.owner;\n'
    )
    suite = SUITE.replace("actions: [view, edit]", "actions: [view, edit, make]").replace(
        "allow: {ann: all}", "allow: {ann: [view]}"
    )
    suite += (
        "  - name: nobody may make a document\n    resource: doc:new\n    subjects: [ann]\n"
        "    actions: [make]\n    because: {ann: {make: not_granted}}\n"
    )
    status, output = run(pack(tmp_path, policy, suite), "--workers", "1")

    assert (status, output.splitlines()[:-1]) == (EXIT_YES, [])


def test_a_pack_that_does_not_load_is_trouble(tmp_path: Path) -> None:
    assert run(pack(tmp_path, "allow(x) if", SUITE))[0] == EXIT_TROUBLE


def test_the_worlds_of_the_small_pack_answer(places: PackPlace) -> None:
    texts, sentences = read_texts(places.policies, places.fixtures)
    policy = assemble(texts, sentences, compile_in_child(texts))

    cells = run_suites(read_suites(places.policies), policy, places.fixtures / "worlds")

    assert [cell.failure for cell in cells] == [None] * 4
