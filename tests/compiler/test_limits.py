"""Policies that are too deep, too long or endless end soon, and never in an allow."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.packs import resource_types
from sidecar.compiler import query_trees
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.oso_answers import Asking
from sidecar.compiler.pack import read_texts
from tests.library import ACTOR, Library, allow, ask, codes, forbid

NESTED = 100_000


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (f"x = {'[' * NESTED}{']' * NESTED} and x = []", "brackets nest deeper than 60 levels"),
        (f"{'(' * NESTED}doc.public{')' * NESTED}", "brackets nest deeper than 60 levels"),
        (f"x = {'{a: ' * NESTED}1{'}' * NESTED} and x = 1", "brackets nest deeper than 60 levels"),
        (f"{'not ' * NESTED}doc.public", "more than 2000 words in one condition"),
        (" and ".join(["doc.public"] * 1000), "more than 2000 words in one condition"),
        (f"doc{'.folder' * 1000}.id = user.id", "more than 2000 words in one condition"),
        (f"doc.title in [{','.join(['1'] * NESTED)}]", "`allow` has more than 2000 words"),
        (f"doc.public and # {'x' * 1_000_000}\n doc.public", "larger than 1000000 bytes; split it"),
        (f'doc.title = "{"x" * 900_000}', "has no end in this line"),
    ],
    ids=["lists", "parens", "maps", "nots", "ands", "dots", "list", "file", "string"],
)
def test_what_would_end_oso_is_refused_before_oso_sees_it(
    library: Library, condition: str, message: str
) -> None:
    (refusal,) = library.refusals(allow(condition))

    assert message in refusal
    assert refusal.startswith("main.polar")


@pytest.mark.parametrize("levels", [30, 59])
def test_brackets_within_the_bound_mean_what_they_say(library: Library, levels: int) -> None:
    ask = library.asker(allow(f"{'(' * levels}doc.public{')' * levels}"))

    assert ask("ana", "view", "doc:full") == ()
    assert ask("ana", "view", "doc:bare") == ("not_granted",)


@pytest.mark.parametrize(
    "rules",
    [
        ["loop(x) if loop(x);"],
        ["loop(x) if around(x);", "around(x) if loop(x);"],
        ["loop(x) if not loop(x);"],
        ["loop(x) if x.public or loop(x);"],
    ],
)
def test_a_rule_that_calls_itself_is_refused(library: Library, rules: list[str]) -> None:
    for policy in (allow("loop(doc)", *rules), forbid("not loop(doc)", *rules)):
        refusals = library.refusals(policy)
        assert "the rule calls itself with the same arguments, and never ends" in refusals[0]


@pytest.mark.parametrize("rule", ["loop(x) if loop([x]);", "loop(x) if loop([x, x]);"])
def test_a_rule_that_calls_itself_with_more_and_more_is_denied(library: Library, rule: str) -> None:
    policy = library.policy(allow("loop(doc)", rule))
    world = library.world(policy)

    assert "the rule calls itself without end" in str(policy.notices[0])
    assert str(policy.notices[0]).startswith("main.polar:2: `allow` is put to Oso at request time")
    decision = ask(policy, world, "ana", "view", "doc:full")
    assert codes(decision) == ("policy_error",)
    assert "main.polar:2: " in decision.faults[0]


def test_endless_backtracking_ends_within_the_limit_of_a_path(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"x{number}" for number in range(26)]
    chosen = " and ".join(f"{name} in [1, 2]" for name in names)
    compared = " and ".join(f"{name} < 3" for name in names)
    monkeypatch.setenv("POLAR_TIMEOUT_MS", "300")
    started = time.process_time()

    refusals = library.refusals(allow(f"{chosen} and {compared} and x0 = 3"))

    assert "there are too many possibilities to go through; divide the rule" in refusals[0]
    assert refusals[0].startswith("main.polar:2: ")
    assert time.process_time() - started < 15  # Oso itself would take 30


def test_a_rule_of_too_many_paths_is_put_to_oso(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_trees, "MAXIMUM_PATHS", 3)
    grant = allow('doc.public and doc.title = "plan" and doc.pages > 5 and doc.secret')

    policy = library.policy(grant)
    world = library.world(policy)

    assert "it has more than 3 paths" in str(policy.notices[0])
    assert policy.entries["user", "doc", "view"].granted is None
    assert codes(ask(policy, world, "ana", "view", "doc:full")) == ()
    assert codes(ask(policy, world, "ana", "view", "doc:bare")) == ("not_granted",)


def test_what_was_not_explored_in_time_is_put_to_oso(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.library.SECONDS", -1.0)

    policy = library.policy(allow("doc.public"))
    world = library.world(policy)

    assert "there was no time left to explore it" in str(policy.notices[0])
    assert codes(ask(policy, world, "ana", "view", "doc:full")) == ()
    assert codes(ask(policy, world, "ana", "view", "doc:bare")) == ("not_granted",)
    assert codes(ask(policy, world, "nobody", "view", "doc:full")) == ("unknown_subject",)


# --- references that lead through references -----------------------------------------------------

FOLDERS = """\
actor User {}
resource Folder {
  roles = ["reader", "writer", "owner"];
  permissions = ["view"];
  relations = {parent: Folder};
  "view" if "reader";
  "reader" if "writer";
  "writer" if "owner";
  "reader" if "reader" on "parent";
  "writer" if "writer" on "parent";
  "owner" if "owner" on "parent";
}
has_role(user: User, "owner", folder: Folder) if folder.owner = user;
has_role(user: User, role: String, folder: Folder) if
  share = folder.share(user) and share.role = role;
has_relation(parent: Folder, "parent", folder: Folder) if parent = folder.parent;
allow(user: User, action: Action, folder: Folder) if
  has_permission(user, action.name, folder);
"""


def chain(length: int, last_parent: str = "") -> dict[str, str]:
    """Return folders f0 in f1 in … f`length`; ana owns the last, bob shares it."""
    folders = [f"- {{id: f{at}, owner: mallory, parent: f{at + 1}}}" for at in range(length)]
    folders.append(f"- {{id: f{length}, owner: ana{last_parent}}}")
    return {
        "folders": "\n".join(folders) + "\n",
        "shares": f"- {{folder: f{length}, user: bob, role: reader}}\n",
        "docs": "[]\n",
        "users": "- {id: ana}\n- {id: bob}\n- {id: mallory}\n- {id: zoe}\n",
    }


def test_folders_in_folders_are_answered_alike_at_every_depth(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Queries lie in one another, and on a busy machine the outermost one takes long.
    monkeypatch.setenv("POLAR_TIMEOUT_MS", "600000")
    asker = library.asker(FOLDERS)
    twin = asker.twin

    assert "more than 12 steps away; do its references go round?" in str(asker.policy.notices[0])
    for depth in (0, 1, 5, 30, 90):
        world = library.world(asker.policy, **chain(depth))
        for who, reasons in (("ana", ()), ("bob", ()), ("zoe", ("not_granted",))):
            assert codes(ask(twin, world, who, "view", "folder:f0")) == reasons


@pytest.mark.parametrize("length", [0, 1, 5, 30])
def test_references_that_go_round_are_denied_soon(library: Library, length: int) -> None:
    asker = library.asker(FOLDERS)
    world = library.world(asker.policy, **chain(length, ", parent: f0"))
    started = time.process_time()

    for who in ("ana", "bob", "mallory", "zoe"):
        assert codes(ask(asker.twin, world, who, "view", "folder:f0")) == ("policy_error",)

    assert time.process_time() - started < 60


# --- compiling.md, growth ------------------------------------------------------------------------


def test_ten_rules_of_three_conditions_stay_ten_rules(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [
        f"allow(_: User, _: Action, doc: Doc) if\n"
        f'  doc.title = "t{n}" and doc.pages > {n} and doc.price < {n + 700};\n'
        for n in range(10)
    ]
    counted = count_queries(monkeypatch)

    ask = library.asker(ACTOR, *rules)

    assert len(counted) < 2000
    rows = (
        "- {id: less, folder: top, stage: draft, title: t9, pages: 10, price: 708.99}\n"
        "- {id: more, folder: top, stage: draft, title: t9, pages: 10, price: 709}\n"
    )
    again = replace(ask, snapshot=library.world(ask.policy, docs=rows))
    assert again("ana", "view", "doc:less") == ()
    assert again("ana", "view", "doc:more") == ("not_granted",)


@pytest.mark.parametrize("join", ["and", "or"])
def test_sixteen_conditions_cost_a_few_questions_each(
    library: Library, join: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    condition = f" {join} ".join(f'doc.title = "t{n}"' for n in range(16))
    counted = count_queries(monkeypatch)

    policy = library.policy(allow(f"({condition})"))

    assert not any("put to Oso" in notice.message for notice in policy.notices)
    assert len(counted) < 1000


def test_a_list_of_two_hundred_is_one_look_at_run_time(library: Library) -> None:
    names = [f"t{n}" for n in range(200)]
    words = ", ".join(f'"{name}"' for name in names)
    rows = "".join(
        f"- {{id: d{n}, folder: top, stage: draft, title: t{n}}}\n" for n in (0, 99, 199, 200)
    )

    ask = library.asker(allow(f"doc.title in [{words}]"), rows={"docs": rows})

    allowed = [n for n in (0, 99, 199, 200) if not ask("ana", "view", f"doc:d{n}")]
    assert allowed == [0, 99, 199]


def test_relations_five_levels_deep_add_up(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = "".join(
        f"boss{n}(one: User, other: User) if boss{n - 1}(one, other);\n"
        f"boss{n}(one: User, other: User) if boss{n - 1}(one.boss, other);\n"
        for n in range(1, 6)
    )
    zero = "boss0(one: User, other: User) if one = other;\n"
    rows = {
        "users": "- {id: u0}\n" + "".join(f"- {{id: u{n}, boss: u{n - 1}}}\n" for n in range(1, 8)),
        "folders": "- {id: f, owner: u0}\n",
        "shares": "[]\n",
        "docs": "- {id: d, folder: f, stage: draft, author: u0}\n",
    }
    counted = count_queries(monkeypatch)

    ask = library.asker(allow("boss5(user, doc.author)", boss, zero), rows=rows)

    assert len(counted) < 4000
    allowed = [n for n in range(8) if not ask(f"u{n}", "view", "doc:d")]
    assert allowed == [0, 1, 2, 3, 4, 5]


def test_fifty_roles_and_their_permissions_compile_in_time(library: Library) -> None:
    levels = "".join(f'has(user, "r{n}", doc) if has(user, "r{n + 1}", doc);\n' for n in range(49))
    last = 'has(user: User, "r49", doc: Doc) if doc.author = user;\n'
    started = time.process_time()

    ask = library.asker(allow('has(user, "r0", doc)', levels, last))

    assert ask("ana", "view", "doc:full") == ()
    assert ask("bob", "view", "doc:full") == ("not_granted",)
    assert time.process_time() - started < 30


def test_queries_grow_as_the_number_of_types_does(tmp_path: Path) -> None:
    queries = []
    for types in (5, 10, 20):
        places = resource_types(tmp_path / str(types), types=types, roles=3, actions=4)
        queries.append(compile_pack(read_texts(*places)[0]).queries)

    few, some, many = queries
    assert many - some == 2 * (some - few)


def count_queries(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that grows with every query that is put to Oso."""
    counted: list[None] = []
    begin = Asking.__init__

    def counting(*arguments: object, **named: object) -> None:
        counted.append(None)
        begin(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Asking, "__init__", counting)
    return counted
