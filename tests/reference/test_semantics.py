from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.reference import (
    Answer,
    BadRequest,
    Pack,
    PackError,
    World,
    WorldError,
    decide,
    permissions,
    search_resources,
    search_subjects,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)

SCHEMA = """
enums:
  level: [low, high]
  status: [active, removed]
types:
  user:
    subject: true
    table: users
    key: id
    attributes:
      id: string
      email: {type: email, optional: true}
      trusted: {type: boolean, default: true, caller: true}
      team: {type: team, optional: true}
  team:
    table: teams
    key: id
    attributes: {id: string, owner: user, parent: {type: team, optional: true}}
    lookups:
      member: {finds: member, arguments: {user: user}, match: {team: this, user: user}}
      last: {finds: doc, match: {team: this}, several: latest until}
      first: {finds: doc, match: {team: this}, several: earliest until}
      alphabetic: {finds: doc, match: {team: this}, several: first}
      low: {finds: doc, match: {team: this}, where: {level: low}, several: first}
      due:
        finds: doc
        arguments: {level: level}
        match: {team: this, level: level}
        where: {until: "< now"}
        several: any
      fellow:
        finds: member
        through: {other: member}
        arguments: {one: user, two: user, id: string}
        match: {team.id: id, user: one, team: other.team, other.user: two, other.team: this}
        where: {status: active, other.status: active}
        several: any
      mail: {finds: member, arguments: {to: email}, match: {team: this, user.email: to}}
      thing: {finds: resource, arguments: {to: email}, match: {a.b.email: to, a.b.team: this}}
    actions: [ask, enter]
  member:
    table: members
    key: [team, user]
    current: {status: active}
    implied: {team.owner: user}
    attributes: {team: team, user: user, status: status, limited: {type: boolean, default: false}}
    actions: [remove, hire]
  doc:
    table: docs
    key: id
    attributes:
      id: string
      team: {type: team, caller: true}
      level: {type: level, default: low, caller: true}
      until: {type: instant, optional: true, caller: true}
      price: {type: decimal, default: 0, caller: true}
      mail: {type: email, optional: true, caller: true}
      tags: {type: set of domain, optional: true, caller: true}
    actions:
      create: {creates: true}
      ask: {properties: {n: {type: integer, default: 3}, level: {type: level, only: [low]}}}
  file:
    key: id
    attributes: {id: string, level: {type: level, default: low, caller: true}}
    actions: {make: {creates: true}}
  plan:
    key: level
    attributes: {level: level}
    actions: {make: {creates: true}}
  example.com/asset-group:
    key: id
    attributes:
      id: string
      exists: {type: boolean, caller: true, polar: is_there}
      owner.id: {type: user, caller: true}
    actions:
      tools/call: {properties: {name: {type: string, polar: tool}, $ref: string}}
  resource:
    polar: Thing
    table: things
    key: id
    attributes: {id: string, a.b: user}
    actions: [ask]
context:
  loud: {type: boolean, default: false}
"""

FACTS: Mapping[str, list[dict[str, Any]]] = {
    "users": [
        {"id": "ana", "email": "Ana@B\u00fccher.example", "team": "core"},
        {"id": "bob"},
        {"id": "cy"},
    ],
    "things": [{"id": "t", "a.b": "ana"}],
    "teams": [{"id": "core", "owner": "ana"}, {"id": "sub", "owner": "bob", "parent": "core"}],
    "members": [
        {"team": "core", "user": "bob", "status": "removed"},
        {"team": "core", "user": "bob", "status": "active"},
        {"team": "core", "user": "cy", "status": "removed", "limited": True},
        {"team": "core", "user": "cy", "status": "removed"},
    ],
    "docs": [
        {"id": "a", "team": "core", "level": "high", "until": "2026-11-30T12:00:00Z"},
        {"id": "b", "team": "core", "until": "2026-11-30T14:00:00+0200", "price": "10.10"},
        {"id": "c", "team": "core", "until": "2026-11-30T11:59Z"},
    ],
}

GRANT = "allow(_: User, _: Action, _);\n"


def load(tmp_path: Path, polar: str, schema: str = SCHEMA) -> Pack:
    (tmp_path / "schema.yaml").write_text(schema, encoding="utf-8")
    (tmp_path / "settings.yaml").write_text("{}\n", encoding="utf-8")
    (tmp_path / "main.polar").write_text(polar, encoding="utf-8")
    return Pack.load(tmp_path, tmp_path)


def ask(
    tmp_path: Path, polar: str, line: str = "user:ana ask doc:b", /, **said: Mapping[str, Any]
) -> Answer:
    pack = load(tmp_path, polar)
    subject, action, resource = line.split(" ")
    request = {
        "subject": _entity(subject) | {"properties": said.get("subject")},
        "action": {"name": action, "properties": said.get("action")},
        "resource": _entity(resource) | {"properties": said.get("resource")},
        "context": said.get("context"),
    }
    return decide(pack, World.of_tables(pack, FACTS), request, NOW)


def _entity(reference: str) -> dict[str, Any]:
    type_name, _, identifier = reference.partition(":")
    return {"type": type_name, "id": identifier}


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        # Values and their canonical forms.
        ('u.email = "ANA@xn--bcher-kva.EXAMPLE"', "user:ana ask doc:b"),
        ('u.email.domain = "b\u00fccher.example"', "user:ana ask doc:b"),
        ("d.price = 10.1 and d.price <= 10.10 and not d.price > 10.1", "user:ana ask doc:b"),
        ("d.until = context.now and d.until >= context.now", "user:ana ask doc:b"),
        ("d.until < context.now", "user:ana ask doc:c"),
        ('u.email in ["ana@B\u00dcCHER.example."] and u.email matches "ANA@B\u00fccher.example"',
         "user:ana ask doc:b"),
        ('same("Zoe@x.example", "zoe@X.example") and literal("ZOE@x.example")',
         "user:ana ask doc:b"),
        # Absent values.
        ("not u.email = u.email and u.email != u.email", "user:bob ask doc:b"),
        ("not u.email.domain = u.email.domain", "user:bob ask doc:b"),
        ("d.tags.includes(u.email.domain) = false", "user:ana ask doc:b"),
        ("x = d.mail and not x matches String and x.exists = false", "user:ana ask doc:b"),
        ("not d.until > context.now and not d.until <= context.now", "user:ana ask doc:z"),
        ("d.team.exists = false and d.team.parent.owner.exists = false", "user:ana ask doc:z"),
        # A row that does not exist has no defaults.
        ('not d.level = "low" and d.level.exists = false and u.trusted', "user:ana ask doc:z"),
        ('d.level = "low" and d.price = 0 and d.exists = false', "user:ana create doc:z"),
        ("u.trusted.exists = false and u.exists = false", "user:zoe ask doc:b"),
        ("action.n = 3 and context.loud = false", "user:ana ask doc:b"),
        ("action.n.exists = false", "user:ana create doc:b"),
        # Look-ups, tombstones and implied entities.
        ('d.team.member(u).status = "active"', "user:bob ask doc:b"),
        ('d.team.member(u).status = "removed" and d.team.member(u).limited = false',
         "user:cy ask doc:b"),
        ("d.team.member(u).exists and not d.team.member(u).status.exists", "user:ana ask doc:b"),
        ("not d.team.member(u).exists", "user:zoe ask doc:b"),
        ('d.team.last.id = "a" and d.team.first.id = "c" and d.team.alphabetic.id = "a"',
         "user:ana ask doc:b"),
        ('d.team.low.id = "b"', "user:ana ask doc:b"),
        ("d.team.mail(u.email).exists = false", "user:ana ask doc:b"),
        ('d.team.thing("ANA@b\u00fccher.example").a_b = u', "user:ana ask doc:b"),
        # Look-ups of any row: `b` is due at this moment, and `c` was before.
        ('d.team.due("low").exists and not d.team.due("high").exists', "user:ana ask doc:b"),
        ('d.team.fellow(u, u, "core").exists', "user:bob ask doc:b"),
        ('not d.team.fellow(u, u, "sub").exists', "user:bob ask doc:b"),
        ('not d.team.fellow(u, u, "core").exists', "user:cy ask doc:b"),
        ('d.team.member(u).exists and not d.team.fellow(u, u, "core").exists',
         "user:ana ask doc:b"),
        ('not d.team.fellow(u, d.team.parent.owner, "core").exists', "user:bob ask doc:b"),
        # Conditions.
        ('d.level in ["high", "low"] and not d.level in []', "user:ana ask doc:b"),
        ("forall(x in [1, 2], x <= action.n) and not forall(x in [1, 9], x < 5)",
         "user:ana ask doc:b"),
        ('owner := d.team.owner and owner = u and (u.id = "x" or d matches Doc{level: "low"})',
         "user:ana ask doc:b"),
        ('[x, y] = [d.id, "q"] and x = "b" and y = "q"', "user:ana ask doc:b"),
        ('{k: x} = {k: d.id} and x = "b" and d matches {id: "b"}', "user:ana ask doc:b"),
        ("member_of(u, team) and team = d.team", "user:ana ask doc:b"),
        ('d matches Doc{team: Team{owner: User{id: "ana"}}}', "user:ana ask doc:b"),
    ],
)  # fmt: skip
def test_a_condition_holds(tmp_path: Path, condition: str, line: str) -> None:
    rule = f'forbid(u: User, action: Action, d: Doc, "yes") if {condition};'
    helper = 'member_of(u: User, t: Team) if u.id = "ana" and is_core(t);\nis_core(_: Team);\n'
    helper += 'same(x, x);\nliteral("zoe@x.EXAMPLE");\n'
    rules = f"{GRANT}{helper}{rule}\n"
    assert "yes" in ask(tmp_path, rules, line).reasons


def test_a_stored_value_wins_over_the_callers_and_that_over_the_default(tmp_path: Path) -> None:
    rules = GRANT + 'forbid(_: User, _, doc: Doc, "high") if doc.level = "high";\n'
    high = {"level": "high"}
    assert ask(tmp_path, rules, resource=high).reasons == {"high"}
    assert ask(tmp_path, rules, "user:ana ask doc:a", resource={"level": "low"}).reasons == {"high"}
    assert ask(tmp_path, rules, resource={"level": None}).decision
    assert ask(tmp_path, rules, "user:ana create doc:z", resource=high).reasons == {"high"}


@pytest.mark.parametrize(
    ("member", "properties"),
    [
        ("resource", {"level": "nonsense"}),
        ("resource", {"level": ""}),
        ("resource", {"until": "2026-11-30T12:00:00"}),
        ("resource", {"until": "2026-11-30 12:00:00.1234567Z"}),
        ("resource", {"until": "2026-11-30t12:00:00z"}),
        ("resource", {"until": "2026-11-30T12:00:00+02:60"}),
        ("resource", {"team": "core\u200b"}),
        ("resource", {"team": " core"}),
        ("resource", {"tags": ["acme.example", "intranet"]}),
        ("resource", {"tags": ["10.0.0.1"]}),
        ("resource", {"price": "ten"}),
        ("resource", {"price": Decimal("1e-400")}),
        ("resource", {"mail": "a..b@acme.example"}),
        ("resource", {"tags": ["a b"]}),
        ("action", {"level": "high"}),
        ("action", {"n": 2**63}),
    ],
)
def test_a_value_outside_its_domain_grants_nothing(
    tmp_path: Path, member: str, properties: Mapping[str, Any]
) -> None:
    rules = GRANT + 'oblige(_: User, _, _, "o");\n'
    denied = ask(tmp_path, rules, **{member: properties})
    assert denied == Answer(False, frozenset(["not_granted"]), frozenset())  # noqa: FBT003
    assert ask(tmp_path, rules).obligations == {"o"}


def test_a_prohibition_sees_a_value_outside_its_domain_as_absent(tmp_path: Path) -> None:
    rules = GRANT + 'forbid(_: User, _, doc: Doc, "high") if not doc.level = "low";\n'
    assert ask(tmp_path, rules, resource={"level": "nonsense"}).reasons == {"high"}


@pytest.mark.parametrize(
    ("member", "properties"),
    [
        ("resource", {"level": 1}),
        ("resource", {"price": True}),
        ("resource", {"tags": "acme.example"}),
        ("action", {"n": "3"}),
        ("action", {"n": True}),
        ("action", {"n": 1.5}),
        ("action", {"n": 1.0}),
        ("action", {"n": Decimal("1.0")}),
        ("context", {"loud": "yes"}),
        ("subject", {"trusted": 1}),
    ],
)
def test_a_wrong_json_type_is_refused(
    tmp_path: Path, member: str, properties: Mapping[str, Any]
) -> None:
    with pytest.raises(BadRequest):
        ask(tmp_path, GRANT, **{member: properties})
    assert ask(tmp_path, GRANT, context={"now": 1, "other": 1}, resource={"id": 1}).decision


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        ("user:zoe ask doc:b", ["unknown_subject"]),
        ("team:core ask doc:b", ["unknown_subject"]),
        ("user:ana ask doc:z", ["unknown_resource"]),
        ("user:ana sing doc:z", ["unknown_action", "unknown_resource"]),
        ("user:ana sing ship:z", ["unknown_resource"]),
        ("user:ana create doc:b", ["already_exists"]),
        ("user:ana remove member:core/ana", []),
        ("user:ana remove member:core/zoe", ["unknown_resource"]),
        ("user:ana remove member:core", ["unknown_resource"]),
        ("user:ana remove member:core/\u200bbob", ["unknown_resource"]),
        ("user:ana\ufeff ask doc:b", ["unknown_subject"]),
        ("user:ana ask doc:b\u200b", ["unknown_resource"]),
        ("user:ana create doc:\x01z", ["unknown_resource"]),
    ],
)
def test_some_reasons_need_no_rule(tmp_path: Path, line: str, reasons: list[str]) -> None:
    assert sorted(ask(tmp_path, GRANT, line).reasons) == reasons


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        ("user:ana make file:any", []),
        ("user:ana make plan:low", []),
        ("user:ana make plan:zzz", ["unknown_resource"]),
        ("user:ana make file:any\u00ad", ["unknown_resource"]),
    ],
)
def test_any_id_of_a_type_without_a_table_may_be_created_if_its_key_can_have_it(
    tmp_path: Path, line: str, reasons: list[str]
) -> None:
    assert sorted(ask(tmp_path, GRANT, line).reasons) == reasons


def test_only_a_key_that_is_one_string_is_read_of_an_id_that_names_nothing(tmp_path: Path) -> None:
    rules = """
    forbid(_: User, _, f: File, "read") if f.id = "x\\t" and f.exists = false;
    forbid(_: User, _, p: Plan, "absent") if p.level.exists = false;
    forbid(_: User, _, m: Member, "absent") if m.team.exists = false;
    """
    assert "read" in ask(tmp_path, rules, "user:ana make file:x\t").reasons
    assert "absent" in ask(tmp_path, rules, "user:ana make plan:zzz").reasons
    assert "absent" in ask(tmp_path, rules, "user:ana hire member:core/\tbob").reasons


@pytest.mark.parametrize(
    "moment",
    ["2026-11-30T12:00Z", "2026-11-30 14:00:00.000000+02", "2026-11-30T07:00:00-0500"],
)
def test_an_instant_may_be_written_in_several_ways(tmp_path: Path, moment: str) -> None:
    rules = GRANT + 'forbid(_: User, _, d: Doc, "now") if d.until = context.now;\n'
    said = {"until": moment, "team": "core"}
    assert ask(tmp_path, rules, "user:ana create doc:z", resource=said).reasons == {"now"}


def test_properties_count_on_the_path_of_the_parameter_only(tmp_path: Path) -> None:
    rules = (
        GRANT
        + """
    forbid(u: User, _, d: Doc, "path") if
      d.team.owner = u and doubted(u) and not doubted(d.team.owner) and
      x = u and x.trusted = false and y = d.team.owner and y.trusted = true;
    forbid(u: User, _, r: User, "both") if u = r and doubted(u) and not doubted(r);
    doubted(u: User) if u.trusted = false;
    """
    )
    said = {"trusted": False}
    assert ask(tmp_path, rules, subject=said).reasons == {"path"}
    line = "user:ana ask user:ana"
    assert "both" in ask(tmp_path, rules, line, subject=said).reasons
    assert "both" not in ask(tmp_path, rules, line, subject=said, resource=said).reasons


def test_callers_and_rules_have_names_of_their_own_for_one_thing(tmp_path: Path) -> None:
    rules = (
        GRANT
        + """
    forbid(u: User, action: Action{name: "tools/call"}, g: ExampleComAssetGroup, "all") if
      g.is_there = true and g.owner_id = u and action.tool = "t" and action.ref = "r" and
      action.name = "tools/call" and g.exists = true;
    forbid(_: User, _, thing: Thing, "thing") if thing.a_b.id = "ana";
    """
    )
    answer = ask(
        tmp_path,
        rules,
        "user:ana tools/call example.com/asset-group:g",
        resource={"exists": True, "owner.id": "ana"},
        action={"name": "t", "$ref": "r"},
    )
    assert answer.reasons == {"all"}
    assert ask(tmp_path, rules, "user:ana ask resource:t").reasons == {"thing"}


def test_a_rule_that_fails_denies_and_hides_no_other_reason(tmp_path: Path) -> None:
    rules = GRANT + (
        "allow(u: User, _: Action, d: Doc) if round(u, d);\n"
        "round(u: User, d: Doc) if not round(u, d);\n"
        'forbid(_: User, _: Action, _: Doc, "always");\n'
    )
    assert ask(tmp_path, rules).reasons == {"policy_error", "always"}
    assert ask(tmp_path, rules, "user:ana enter team:core").decision


FAILS = "u.id < 1"
HELPERS = f"""
either(u: User) if u.id = "ana";
either(u: User) if {FAILS};
one(_: User, "x");
one(u: User, "y") if {FAILS};
some(u: User, k) if k = "x" or k = "y" or {FAILS};
some(_: User, "z");
"""


@pytest.mark.parametrize(
    "rules",
    [
        f"allow(_: User, _, _: Doc);\nallow(u: User, _, _: Doc) if {FAILS};",
        f"allow(u: User, _, _: Doc) if {FAILS};\nallow(_: User, _, _: Doc);",
        "allow(u: User, _, _: Doc) if either(u);",
        "allow(u: User, _, _: Doc) if not either(u);",
        "allow(u: User, _, _: Doc) if either(u) = true;",
        "allow(u: User, _, _: Doc) if forall(x in [1], either(u) and x = 1);",
        'allow(u: User, _, d: Doc) if d.id = "b" and (either(u) or d.id = "b");',
        # One that is called with a variable fails behind the value that the caller needs, too.
        'allow(u: User, _, _: Doc) if one(u, k) and k = "x";',
        'allow(u: User, _, _: Doc) if not (one(u, k) and k = "x");',
    ],
)
def test_a_rule_that_fails_is_an_error_even_where_another_of_its_name_holds(
    tmp_path: Path, rules: str
) -> None:
    assert ask(tmp_path, f"{HELPERS}{rules}\n").reasons == {"policy_error"}


@pytest.mark.parametrize(
    ("condition", "reasons"),
    [
        (f'd.id = "b" or {FAILS}', []),
        (f'(d.id = "b" or {FAILS}) and u.id = "ana"', []),
        (f'(k = "x" or k = "y" or {FAILS}) and k = "y"', []),
        (f'k in ["x", "y"] and (k = "x" or {FAILS})', []),
        (f'not (d.id = "b" or {FAILS})', ["not_granted"]),
        (f'forall(k in ["x", "y"], k = "x" or k = "y" or {FAILS})', []),
        (f'not forall(k in ["x", "y"], k = "y" and {FAILS})', []),
        ('some(u, "x")', []),
        ('some(u, k) and k = "y"', []),
        # One that is reached fails: it stands before a solution, or the rest does not hold.
        (f'{FAILS} or d.id = "b"', ["policy_error"]),
        (f'(d.id = "b" or {FAILS}) and u.id = "bob"', ["policy_error"]),
        (f'(k = "x" or k = "y" or {FAILS}) and k = "z"', ["policy_error"]),
        (f'k in ["y", "x"] and (k = "x" or {FAILS})', ["policy_error"]),
        (f'not (d.id = "c" or {FAILS})', ["policy_error"]),
        (f'forall(k in ["x", "y"], k = "x" or {FAILS})', ["policy_error"]),
        ('some(u, k) and k = "z"', ["policy_error"]),
    ],
)
def test_alternatives_of_a_condition_are_evaluated_until_the_whole_of_it_holds(
    tmp_path: Path, condition: str, reasons: list[str]
) -> None:
    rule = f"allow(u: User, _, d: Doc) if u.exists and d.exists and ({condition});\n"
    assert sorted(ask(tmp_path, HELPERS + rule).reasons) == reasons


def test_a_look_up_does_not_see_what_a_caller_says(tmp_path: Path) -> None:
    rules = GRANT + 'forbid(_: User, _, doc: Doc, "low") if doc.team.low = doc;\n'
    assert ask(tmp_path, rules, resource={"level": "high"}).reasons == {"low"}


def test_roles_follow_relations_to_the_same_type(tmp_path: Path) -> None:
    rules = """
    actor User {}
    allow(u: User, action: Action, resource) if has_permission(u, action.name, resource);
    resource Team {
      roles = ["owner"]; permissions = ["enter", "ask"]; relations = {parent: Team};
      "enter" if "owner"; "ask" if "enter"; "owner" if "owner" on "parent";
    }
    has_role(u: User, "owner", t: Team) if t.owner = u;
    has_relation(p: Team, "parent", t: Team) if p = t.parent;
    """
    assert ask(tmp_path, rules, "user:ana ask team:sub").decision
    assert not ask(tmp_path, rules, "user:bob ask team:core").decision
    pack = load(tmp_path, rules)
    circle = [{"id": "core", "owner": "ana", "parent": "sub"}, *FACTS["teams"][1:]]
    world = World.of_tables(pack, {**FACTS, "teams": circle, "docs": [], "members": []})
    request = {"subject": _entity("user:cy"), "action": {"name": "ask"}}
    answer = decide(pack, world, {**request, "resource": _entity("team:sub")}, NOW)
    assert answer.reasons == {"policy_error"}


def test_searches_agree_with_decisions(tmp_path: Path) -> None:
    pack = load(
        tmp_path,
        GRANT + 'forbid(_: User, _, d: Doc, "no") if d.until < context.now or d.price > 10;\n'
        'forbid(u: User, _, _: Team, "no") if not u.trusted = true or u.email.exists = false;\n',
    )
    world = World.of_tables(pack, FACTS)
    ana, core, action = _entity("user:ana"), _entity("team:core"), {"name": "ask"}
    assert search_resources(pack, world, ana, action, "doc", {}, NOW) == ["a"]
    assert search_resources(pack, world, ana, {"name": "remove"}, "member", {}, NOW) == [
        "core/ana",
        "core/bob",
        "core/cy",
        "sub/bob",
    ]
    assert search_resources(pack, world, ana, action, "ship", {}, NOW) == []
    assert search_subjects(pack, world, "user", action, core, {}, NOW) == ["ana"]
    assert not search_subjects(pack, world, "user", action, core, {}, NOW, {"trusted": False})
    assert permissions(pack, world, ana, core, {}, NOW) == {"ask", "enter"}
    assert permissions(pack, world, ana, _entity("doc:z"), {}, NOW) == {"create"}
    with pytest.raises(BadRequest):
        search_resources(pack, world, {"type": "user"}, action, "doc", {}, NOW)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("users", {"id": "ana"}),
        ("users", {"id": "dan\u200b"}),
        ("users", {"id": "dan", "team": "core "}),
        ("users", {"id": "dan", "email": "a@b@c"}),
        ("users", {"id": "dan", "age": 1}),
        ("docs", {"id": "d"}),
        ("docs", {"id": "d", "team": "gone"}),
        ("docs", {"id": "d", "team": "core", "level": "middle"}),
        ("members", {"team": "core", "user": "bob", "status": "active"}),
    ],
)
def test_a_faulty_row_is_refused(tmp_path: Path, table: str, row: Mapping[str, Any]) -> None:
    pack = load(tmp_path, GRANT)
    with pytest.raises(WorldError):
        World.of_tables(pack, {**FACTS, table: [*FACTS[table], dict(row)]})


def test_an_odd_address_in_the_mount_is_taken_as_it_stands(tmp_path: Path) -> None:
    pack = load(tmp_path, GRANT)
    users = [{"id": "dan", "email": "a..b@host"}, {"id": "eve", "email": "a.@x_y.example"}]
    World.of_tables(pack, {**FACTS, "users": [*FACTS["users"], *users]})


def test_an_empty_file_of_facts_is_refused(tmp_path: Path) -> None:
    pack = load(tmp_path, GRANT)
    for table in FACTS:
        (tmp_path / f"{table}.yaml").write_text("[]", encoding="utf-8")
    World.load(pack, tmp_path)
    for text in ["", "# nobody\n", "- {id: ana}"]:
        (tmp_path / "users.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(WorldError):
            World.load(pack, tmp_path)


@pytest.mark.parametrize(
    "polar", ["allow(", "a(x) if x = 1e-400;", "a(x) if x = 0.1234567890123456;", "a\u2028(_);"]
)
def test_a_policy_that_cannot_be_read_is_refused(tmp_path: Path, polar: str) -> None:
    with pytest.raises(PackError):
        load(tmp_path, polar)


def test_a_path_that_names_no_attribute_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError):
        load(tmp_path, GRANT, SCHEMA.replace("user.email: to", "user.mail: to"))


PARTS = """
types:
  user:
    subject: true
    table: users
    key: id
    attributes:
      id: string
      at: {type: instant, default: 2026-01-04T22:59:59.999999Z, caller: true}
      hour: {part: hour, of: at, zone: Europe/Berlin}
      day-of: {part: weekday, of: at, zone: Europe/Berlin, polar: day}
      date: {part: date, of: at, zone: Europe/Berlin}
      lord: {part: hour, of: at, zone: Australia/Lord_Howe}
      far: {part: date, of: at, zone: Pacific/Kiritimati}
    actions: [ask]
context:
  at: instant
  said: {part: hour, of: at, zone: Asia/Kathmandu}
  hour: {part: hour, of: now, zone: Asia/Kathmandu}
"""


@pytest.mark.parametrize(
    ("at", "condition"),
    [
        (None, 'u.hour = 23 and u.day = 7 and u.date = "2026-01-04"'),
        ("2026-01-04T23:00:00Z", 'u.hour = 0 and u.day = 1 and u.date = "2026-01-05"'),
        # Put forward: no instant has the hour 2. Put back: two have it.
        ("2026-03-29T00:59:59.999999Z", "u.hour = 1"),
        ("2026-03-29T01:00:00Z", "u.hour = 3"),
        ("2026-10-25T00:00:00Z", "u.hour = 2"),
        ("2026-10-25T01:59:59.999999Z", "u.hour = 2"),
        ("2026-10-25T02:00:00Z", "u.hour = 3"),
        # Half an hour, at 02:00: forward to 02:30, and back to 01:30.
        ("2026-10-03T15:29:59Z", "u.lord = 1"),
        ("2026-10-03T15:30:00Z", "u.lord = 2"),
        ("2026-04-04T15:00:00Z", "u.lord = 1"),
        ("2026-04-04T15:29:59Z", "u.lord = 1"),
        ("2026-04-04T15:30:00Z", "u.lord = 2"),
        ("2011-12-30T09:59:59+14:00", 'u.far = "2011-12-30"'),
        ("9999-12-31T23:59:59.999999Z", 'u.date = "10000-01-01" and u.far = "10000-01-01"'),
        ("9999-12-31T09:59:59Z", 'u.far = "9999-12-31" and u.day = 5'),
        ("0001-01-01T00:00:00Z", 'u.far = "0000-12-31" and u.date = "0001-01-01" and u.day = 1'),
        ("2026-01-04T00:00:00Z", "context.hour = 17 and context.said.exists = false"),
        ("2026-01-04T00:00:00Z", "u matches User{hour: 1, day: 7}"),
    ],
)
def test_a_part_of_an_instant_is_that_of_clock_and_calendar_in_its_zone(
    tmp_path: Path, at: str | None, condition: str
) -> None:
    pack = load(tmp_path, f"allow(u: User, _: Action, _) if {condition};", PARTS)
    row = {"id": "ana"} | ({} if at is None else {"at": at})
    world = World.of_tables(pack, {"users": [row]})
    ana = {"type": "user", "id": "ana", "properties": {"hour": 4, "day-of": 3, "date": "x"}}
    request = {"subject": ana, "action": {"name": "ask"}, "resource": ana, "context": {"hour": 9}}

    assert decide(pack, world, request, NOW).decision is True


def test_a_part_is_there_where_its_instant_is(tmp_path: Path) -> None:
    pack = load(tmp_path, "allow(_: User, _: Action, _) if context.said = 5;", PARTS)
    world = World.of_tables(pack, {"users": [{"id": "ana"}]})
    ana = {"type": "user", "id": "ana"}

    def answer(context: Mapping[str, Any]) -> bool:
        request = {"subject": ana, "action": {"name": "ask"}, "resource": ana, "context": context}
        return decide(pack, world, request, NOW).decision

    assert answer({"at": "2026-01-04T00:14:59Z"})
    assert not answer({"at": "2026-01-04T00:15:00Z"})
    assert not answer({})
    assert not answer({"at": "soon"})


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("part: weekday", "part: minute"),
        ("of: now", "of: then"),
        ("part: date, of: at", "part: date, of: id"),
        ("zone: Asia/Kathmandu", "zone: localtime"),
        ("zone: Asia/Kathmandu", "zone: asia/kathmandu"),
        ("zone: Asia/Kathmandu", "zone: Asia/Kathmandu, default: 3"),
    ],
)
def test_a_faulty_part_is_refused(tmp_path: Path, written: str, instead: str) -> None:
    with pytest.raises(PackError):
        load(tmp_path, GRANT, PARTS.replace(written, instead))


@pytest.mark.parametrize("column", ["hour", "day-of"])
def test_a_part_is_no_column(tmp_path: Path, column: str) -> None:
    pack = load(tmp_path, GRANT, PARTS)
    with pytest.raises(WorldError):
        World.of_tables(pack, {"users": [{"id": "ana", column: 3}]})


@pytest.mark.parametrize("at", ["9999-12-31T23:00:00-01:00", "0001-01-01T00:00:00+01:00"])
def test_an_instant_lies_in_the_years_of_utc(tmp_path: Path, at: str) -> None:
    pack = load(tmp_path, GRANT, PARTS)
    with pytest.raises(WorldError):
        World.of_tables(pack, {"users": [{"id": "ana", "at": at}]})
