"""References to the own type with a declared depth: compiled completely, and exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.cli import main
from sidecar.compiler import load_pack
from sidecar.engine.authorizer import authorize
from sidecar.engine.explanation import explain
from sidecar.engine.policy import Policy
from sidecar.engine.search import search_resources, search_subjects
from sidecar.facts import Snapshot, Table, build
from sidecar.model import Reference, Request
from sidecar.schema import Key, Value
from tests import reference
from tests.depth import deep
from tests.small_pack import compiled_pack, put_pack

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEPTH = 3
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
      closed: {type: boolean, default: false}
    lookups: {share: {finds: share, arguments: {user: user}, match: {folder: this, user: user}}}
    actions: [read, tidy]
  share: {table: shares, key: [folder, user], attributes: {folder: folder, user: user}}
  doc: {table: docs, key: id, attributes: {id: string, folder: folder}, actions: [read]}
"""
RULES = """
actor User {}
allow(user: User, action: Action, resource) if has_permission(user, action.name, resource);
resource Folder {
  permissions = ["read", "tidy"];
  roles = ["owner", "reader"];
  relations = {parent: Folder};
  "read" if "reader";
  "reader" if "owner";
  "reader" if "reader" on "parent";
  "owner" if "owner" on "parent";
}
resource Doc {
  permissions = ["read"];
  relations = {folder: Folder};
  "read" if "reader" on "folder";
}
has_role(user: User, "owner", folder: Folder) if folder.owner = user;
has_role(user: User, "reader", folder: Folder) if folder.share(user).exists = true;
has_relation(parent: Folder, "parent", folder: Folder) if folder.parent = parent;
has_relation(folder: Folder, "folder", doc: Doc) if doc.folder = folder;
has_permission(user: User, "tidy", folder: Folder) if folder.share(user).exists = true;
forbid(_: User, _: Action{name: "tidy"}, folder: Folder, "closed") if shut(folder);
shut(folder: Folder) if folder.closed = true;
shut(folder: Folder) if shut(folder.parent);
"""
USERS, FOLDERS = ("u1", "u2"), tuple(f"f{number}" for number in range(6))
Rows = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return put_pack(
        tmp_path_factory.mktemp("pack"),
        RULES,
        SCHEMA,
        reasons="reasons: {closed: It is closed.}\n",
    )


@pytest.fixture(scope="module")
def policy(places: tuple[Path, Path]) -> Policy:
    return compiled_pack(*places)


@pytest.fixture(scope="module")
def pack(places: tuple[Path, Path]) -> reference.Pack:
    return reference.Pack.load(*places)


def snapshot_of(policy: Policy, rows: Rows) -> Snapshot:
    types = policy.schema.types.values()
    return build(
        policy.schema,
        {each.name: Table(each.table, list(enumerate(rows[each.table], 1))) for each in types},
    )


folders = st.sampled_from(FOLDERS)
worlds = st.fixed_dictionaries(
    {
        "users": st.just([{"id": each} for each in USERS]),
        "folders": st.tuples(
            *(
                st.fixed_dictionaries(
                    {"id": st.just(each)},
                    optional={
                        "parent": folders,
                        "owner": st.sampled_from(USERS),
                        "closed": st.sampled_from(["true", "false"]),
                    },
                )
                for each in FOLDERS
            )
        ).map(list),
        "shares": st.lists(
            st.fixed_dictionaries({"folder": folders, "user": st.sampled_from(USERS)}),
            unique_by=lambda row: (row["folder"], row["user"]),
            max_size=3,
        ),
        "docs": st.lists(folders, max_size=3).map(
            lambda found: [{"id": f"d{at}", "folder": each} for at, each in enumerate(found)]
        ),
    }
)


def asked(user: str, action: str, kind: str, identifier: str) -> Request:
    return Request(
        subject=Reference("user", user), action=action, resource=Reference(kind, identifier)
    )


def test_rules_over_a_declared_depth_are_compiled(policy: Policy) -> None:
    assert policy.notices == ()
    assert not policy.uncompiled


@given(worlds)
@settings(
    max_examples=60 * deep(1),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_all_decisions_and_searches_are_those_of_the_reference(
    policy: Policy, pack: reference.Pack, rows: Rows
) -> None:
    facts = snapshot_of(policy, rows)
    plain = {
        name: [
            {key: text == "true" if key == "closed" else text for key, text in row.items()}
            for row in table
        ]
        for name, table in rows.items()
    }
    world = reference.World.of_tables(pack, plain)
    resources = [("folder", each) for each in FOLDERS] + [("doc", f"d{at}") for at in range(3)]
    allowed: dict[tuple[str, str, str], list[str]] = {}
    for user in (*USERS, "nobody"):
        for kind, identifier in [*resources, ("folder", "nothing")]:
            for action in ("read", "tidy"):
                request = {
                    "subject": {"type": "user", "id": user},
                    "action": {"name": action},
                    "resource": {"type": kind, "id": identifier},
                }
                expected = reference.decide(pack, world, request, NOW)

                found = authorize(asked(user, action, kind, identifier), policy, facts, NOW)

                assert found.allowed is expected.decision, request
                assert {each.code for each in found.reasons} == expected.reasons, request
                if found.allowed:
                    allowed.setdefault((user, action, kind), []).append(identifier)
    for user in USERS:
        for kind in ("folder", "doc"):
            searched = search_resources(asked(user, "read", kind, ""), policy, facts, NOW)
            assert list(searched) == sorted(allowed.get((user, "read", kind), []))
    for identifier in FOLDERS:
        subjects = search_subjects(asked("", "read", "folder", identifier), policy, facts, NOW)
        assert list(subjects) == [
            user for user in USERS if identifier in allowed.get((user, "read", "folder"), [])
        ]


def chain(length: int, *, round_: bool = False) -> Rows:
    """Return folders of which each has the next one as its parent; the last is of `u1`."""
    rows = [{"id": f"f{at}", "parent": f"f{at + 1}"} for at in range(length)]
    last = {"id": f"f{length}", "owner": "u1"} | ({"parent": "f0"} if round_ else {})
    users = [{"id": each} for each in USERS]
    return {"users": users, "folders": [*rows, last], "shares": [], "docs": []}


def codes(policy: Policy, rows: Rows, user: str = "u1", action: str = "read") -> Sequence[str]:
    decision = authorize(
        asked(user, action, "folder", "f0"), policy, snapshot_of(policy, rows), NOW
    )
    return [] if decision.allowed else [each.code for each in decision.reasons]


def test_a_chain_of_the_declared_depth_is_read_and_a_longer_one_is_a_fault_of_the_facts(
    policy: Policy,
) -> None:
    assert codes(policy, chain(DEPTH)) == []
    assert codes(policy, chain(DEPTH), "u2") == ["not_granted"]
    assert codes(policy, chain(DEPTH + 1)) == ["data_error"]
    assert codes(policy, chain(0, round_=True)) == ["data_error"]
    assert codes(policy, chain(1, round_=True)) == ["data_error"]


def test_a_request_that_does_not_read_the_chain_is_decided(policy: Policy) -> None:
    rows = chain(DEPTH + 1)
    rows["folders"][0]["owner"] = "u2"
    rows["docs"] = [{"id": "d", "folder": "f1"}]
    facts = snapshot_of(policy, rows)

    assert authorize(asked("u1", "read", "doc", "d"), policy, facts, NOW).allowed
    assert authorize(asked("u1", "read", "folder", "f2"), policy, facts, NOW).allowed


class CountingFacts:
    """Facts that count which values are looked up in the index of an attribute."""

    def __init__(self, facts: Snapshot) -> None:
        self.schema, self.revision = facts.schema, facts.revision
        self.rows, self.id_of, self.find, self.ids = facts.rows, facts.id_of, facts.find, facts.ids
        self._facts = facts
        self.asked: Counter[tuple[str, Value]] = Counter()

    def holders(self, type_name: str, attribute: str) -> Mapping[Value, Collection[Key]]:
        asked = self.asked

        class Counted(dict[Value, Collection[Key]]):
            def get(self, key: Value, default: object = None) -> object:  # type: ignore[override]  # as it is called
                asked[attribute, key] += 1
                return super().get(key, default)

        return Counted(self._facts.holders(type_name, attribute))


def test_a_search_goes_each_step_of_a_chain_once(policy: Policy) -> None:
    width = 20
    rows = chain(0)
    rows["folders"] += [{"id": f"a{at}", "parent": "f0"} for at in range(width)]
    rows["folders"] += [{"id": f"b{at}", "parent": f"a{at}"} for at in range(width)]
    rows["folders"] += [{"id": f"c{at}", "parent": f"b{at}"} for at in range(width)]
    facts = CountingFacts(snapshot_of(policy, rows))

    found = search_resources(asked("u1", "read", "folder", ""), policy, facts, NOW)

    assert len(found) == 3 * width + 1
    assert facts.asked["owner", "u1"] == 1
    # The rule of shares goes along the chain as well, with nothing to begin at.
    assert all(count == 1 for count in facts.asked.values())


def test_an_explanation_shows_the_chain(policy: Policy) -> None:
    facts = snapshot_of(policy, chain(DEPTH + 1))

    told = explain(asked("u1", "read", "folder", "f0"), policy, facts, NOW)

    assert [rule.holds for rule in told.rules if rule.rule == "allow"] == [None]
    shown = {fact.path: fact.value for fact in told.facts}
    assert shown["resource" + ".parent" * DEPTH] == f"f{DEPTH}"
    assert shown["resource" + ".parent" * (DEPTH + 1)] == f"f{DEPTH + 1}"


def test_reviewers_see_all_of_it(places: tuple[Path, Path]) -> None:
    policies, fixtures = places
    of_pack = ["--policies", str(policies), "--fixtures", str(fixtures)]
    (policies / "invariants.yaml").write_text(
        "invariants:\n"
        "  - name: nothing closed is tidied\n"
        "    never: {resource: folder, action: tidy, when: [resource.parent.closed = true]}\n"
    )

    proved = CliRunner().invoke(main, ["prove", *of_pack])
    listed = CliRunner().invoke(main, ["matrix", *of_pack])

    (policies / "invariants.yaml").unlink()
    assert (proved.exit_code, proved.output.splitlines()[1]) == (
        0,
        "proved  nothing closed is tidied",
    )
    assert "  read  yes    yes     -\n" in listed.output
    assert "or when user has role owner on folder.parent\n" in listed.output


@pytest.fixture
def shallow(places: tuple[Path, Path], tmp_path: Path) -> Path:
    """Write a pack in which the owner of a folder may tidy it, however deep it lies."""
    (tmp_path / "policies").mkdir()
    tidy = 'has_permission(user: User, "tidy", folder: Folder)'
    rules = f"{RULES.partition(tidy)[0]}{tidy} if folder.owner = user;\n"
    (tmp_path / "policies/main.polar").write_text(rules)
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    for name in ("settings.yaml", "reasons.yaml"):
        (fixtures / name).write_text((places[1] / name).read_text())
    (fixtures / "schema.yaml").write_text(SCHEMA.replace("depth: 3", "depth: 1"))
    return tmp_path / "policies"


def test_the_matrix_counts_nobody_into_a_role_whose_rule_fails(shallow: Path) -> None:
    listed = CliRunner().invoke(main, ["matrix", "--policies", str(shallow)])

    assert "  tidy  =      =       [1]\n" in listed.output
    not_too_deep = "folder.owner is user\n   and not `data_error`\n"
    assert f"owner, with all of reader:\n  when {not_too_deep}" in listed.output


@pytest.mark.parametrize(
    "invariant",
    [
        "never: {resource: folder, action: tidy, unless: role is owner}",
        "never: {action: tidy, when: 'not has_role(subject, \"owner\", resource)'}",
    ],
)
def test_a_condition_that_fails_proves_nothing(shallow: Path, invariant: str) -> None:
    text = f"invariants:\n  - name: only owners tidy\n    {invariant}\n"
    (shallow / "invariants.yaml").write_text(text)

    proved = CliRunner().invoke(main, ["prove", "--policies", str(shallow)])

    assert proved.exit_code == 1, proved.output
    assert "\n     and folder.parent.parent is given\n" in proved.output


def test_what_an_obligation_that_fails_denies_is_not_proved_to_be_allowed(shallow: Path) -> None:
    rule = (
        'oblige(user: User, _: Action, folder: Folder, "log") if has_role(user, "owner", folder);\n'
    )
    main_file = shallow / "main.polar"
    main_file.write_text(f"{main_file.read_text()}{rule}")
    (shallow.parent / "fixtures" / "reasons.yaml").write_text("obligations: {log: Log it.}\n")
    deep_folder = "when: [resource.owner = subject, resource.parent.parent.exists = true]"
    (shallow / "invariants.yaml").write_text(
        "invariants:\n"
        "  - name: owners always tidy\n"
        "    always: {resource: folder, action: tidy, when: resource.owner = subject}\n"
        "  - name: nobody tidies what is too deep\n"
        f"    never: {{resource: folder, action: tidy, {deep_folder}}}\n"
    )

    proved = CliRunner().invoke(main, ["prove", "--policies", str(shallow)])

    lines = proved.stdout.splitlines()
    assert [line for line in lines if line.startswith(("FAILS", "proved"))] == [
        "FAILS   owners always tidy (policies/invariants.yaml:2)",
        "proved  nobody tidies what is too deep",
    ]


def test_a_depth_of_thirty_two_compiles(places: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/main.polar").write_text(RULES)
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    for name in ("settings.yaml", "reasons.yaml"):
        (fixtures / name).write_text((places[1] / name).read_text())
    (fixtures / "schema.yaml").write_text(SCHEMA.replace("depth: 3", "depth: 32"))

    policy = load_pack(tmp_path / "policies", fixtures)

    assert not policy.uncompiled
    assert codes(policy, chain(32)) == []
    assert codes(policy, chain(33)) == ["data_error"]
