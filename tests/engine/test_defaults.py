"""A default means the same everywhere; what a caller says outside its domain takes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec import structs

from sidecar.bundle import Entry
from sidecar.cli import main
from sidecar.compiler.compile import compile_pack
from sidecar.compiler.pack import read_texts
from sidecar.compiler.policy import assemble
from sidecar.engine.authorizer import authorize
from sidecar.engine.explanation import explain
from sidecar.engine.policy import Policy
from sidecar.engine.search import list_permissions, search_resources, search_subjects
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Decision, Reference, Request
from sidecar.review.invariants.proof import prove
from sidecar.review.pack_revisions import PackPlace
from tests.library import NOW, InProcess

SCHEMA = """\
enums:
  level: [low, high]
types:
  person:
    subject: true
    table: people
    key: id
    attributes:
      id: string
      mood: {type: level, default: low, caller: true}
      boss: {type: person, optional: true, caller: true}
  org:
    table: orgs
    key: id
    attributes: {id: string, owner: person}
    lookups:
      member: {finds: member, arguments: {person: person}, match: {org: this, person: person}}
      graded:
        {finds: member, arguments: {grade: level}, match: {org: this, grade: grade}, several: first}
    actions: {pay: {}, see: {}}
  member:
    table: members
    key: [org, person]
    implied: {org.owner: person}
    attributes:
      org: org
      person: person
      limited: {type: boolean, default: true}
      grade: {type: level, default: high}
    actions: {check: {}}
  doc:
    table: docs
    key: id
    attributes:
      id: string
      kind: {type: level, default: high, caller: true}
      note: {type: string, default: none}
      until: {type: instant, optional: true, caller: true}
      call: {type: call, optional: true, caller: true}
    lookups:
      block:
        finds: block
        arguments: {person: person}
        match: {doc: this, person: person}
        where: {state: high}
      block_as:
        {finds: block, arguments: {state: level}, match: {doc: this, state: state}, several: first}
      block_of: {finds: block, match: {doc: this}, several: latest rank}
    actions:
      read: {}
      use:
        properties:
          hours: {type: integer, default: 1}
          level: {type: level, default: high, only: [high]}
          loud: {type: boolean, default: true}
          to: {type: email, default: all@acme.example}
          cost: {type: decimal, default: 1}
          tags: {type: set of level, optional: true}
          whom: {type: member, optional: true}
      list: {properties: {hours: integer}}
      make: {creates: true}
  block:
    table: blocks
    key: id
    attributes:
      id: string
      doc: doc
      person: person
      state: {type: level, default: high, caller: true}
      rank: {type: integer, default: 9, caller: true}
    actions: {show: {}}
  call:
    key: id
    attributes:
      id: string
      premium: {type: boolean, default: true, caller: true}
      region: {type: string, default: abroad, caller: true}
      carrier: {type: string, caller: true}
    actions: {place: {}}
context:
  network: {type: string, default: public}
  level: {type: level, default: high}
  at: {type: instant, optional: true}
"""

ROWS = {
    "people": "- {id: ana}\n- {id: bob, mood: high}\n- {id: eve}\n",
    "orgs": "- {id: o, owner: ana}\n",
    "members": "- {org: o, person: bob, limited: false, grade: low}\n",
    "docs": "- {id: d}\n- {id: e, kind: low, note: text}\n",
    "blocks": """\
- {id: b1, doc: d, person: eve}
- {id: b2, doc: d, person: bob, state: low, rank: 1}
""",
}  # fmt: skip

HEAD = "actor Person {}\nallow(_: Person, _: Action, _);\n"


class World:
    """One policy on the rows above, asked compiled and of Oso at request time."""

    def __init__(self, directory: Path, condition: str, kind: str = "Doc", more: str = "") -> None:
        self.directory = directory
        rule = f'forbid(p: Person, action: Action, r: {kind}, "no") if used(p, action, r) and'
        text = f"{HEAD}{rule} {condition};\nused(_, _, _);\n{more}\n"
        self.policy, self.twin = write_pack(directory, text)
        self.snapshot = read_directory(self.policy.schema, directory / "fixtures/worlds/demo")

    def ask(self, who: str, action: str, what: str, **said: Mapping[str, object]) -> Decision:
        kind, _, identifier = what.partition(":")
        request = Request(
            subject=Reference("person", who),
            action=action,
            resource=Reference(kind, identifier),
            **said,
        )
        decision = authorize(request, self.policy, self.snapshot, NOW)
        assert decision.faults == ()
        # For how long the interpreter's decision is valid nobody knows.
        by_oso = authorize(request, self.twin, self.snapshot, NOW)
        assert structs.replace(decision, valid=None) == structs.replace(by_oso, valid=None)
        return decision

    def forbids(self, who: str, action: str, what: str, **said: Mapping[str, object]) -> bool:
        return "no" in codes(self.ask(who, action, what, **said))


def write_pack(directory: Path, text: str) -> tuple[Policy, Policy]:
    fixtures, policies = directory / "fixtures", directory / "policies"
    mount = fixtures / "worlds/demo"
    mount.mkdir(parents=True)
    policies.mkdir()
    (fixtures / "schema.yaml").write_text(SCHEMA)
    (fixtures / "settings.yaml").write_text("{}\n")
    (fixtures / "reasons.yaml").write_text("reasons: {no: No.}\n")
    (policies / "main.polar").write_text(text)
    for table, rows in ROWS.items():
        (mount / f"{table}.yaml").write_text(rows)
    pack, sentences = read_texts(policies, fixtures)
    policy = assemble(pack, sentences, compile_pack(pack))
    unexplored = Entry(granted=None, forbids={"no": None}, obliges={}, allowed=None)
    entries = dict.fromkeys(policy.entries, unexplored)
    return policy, replace(policy, entries=entries, interpreter=InProcess(pack, 0))


def codes(decision: Decision) -> tuple[str, ...]:
    return tuple(reason.code for reason in decision.reasons)


IN_FORCE = [
    # condition, type of the resource, what is asked, and whether the prohibition holds.
    ("action.hours < 2", "Doc", ("ana", "use", "doc:d"), True),
    ("action.hours < 2", "Doc", ("ana", "list", "doc:d"), False),
    ('action.level = "high"', "Doc", ("ana", "use", "doc:d"), True),
    ("action.loud", "Doc", ("ana", "use", "doc:d"), True),
    ("action.loud", "Doc", ("ana", "read", "doc:d"), False),
    ('action.to.domain = "acme.example"', "Doc", ("ana", "use", "doc:d"), True),
    ("action.cost = 1", "Doc", ("ana", "use", "doc:d"), True),
    ('context.network = "public"', "Doc", ("ana", "read", "doc:d"), True),
    ('r.kind = "high"', "Doc", ("ana", "read", "doc:d"), True),
    ('r.kind = "high"', "Doc", ("ana", "read", "doc:e"), False),
    ('r.kind = "high"', "Doc", ("ana", "read", "doc:none"), False),
    ('r.kind = "high"', "Doc", ("ana", "make", "doc:none"), True),
    ('r.note = "none"', "Doc", ("ana", "make", "doc:none"), True),
    ('r.note = "none"', "Doc", ("ana", "read", "doc:none"), False),
    ("r.note.exists = false", "Doc", ("ana", "read", "doc:none"), True),
    ('p.mood = "low"', "Doc", ("ana", "read", "doc:d"), True),
    ('p.mood = "low"', "Doc", ("nobody", "read", "doc:d"), False),
    ("r.premium", "Call", ("ana", "place", "call:1"), True),
    ('r.region = "abroad"', "Call", ("ana", "place", "call:1"), True),
    ("r.carrier.exists = true", "Call", ("ana", "place", "call:1"), False),
    ("r.member(p).limited", "Org", ("ana", "pay", "org:o"), True),
    ("r.member(p).limited", "Org", ("bob", "pay", "org:o"), False),
    ("r.member(p).limited.exists = true", "Org", ("eve", "pay", "org:o"), False),
    ('r.member(p).grade = "high"', "Org", ("ana", "pay", "org:o"), True),
    ('r.graded("high").exists', "Org", ("ana", "pay", "org:o"), False),
    ('r.graded("low").exists', "Org", ("ana", "pay", "org:o"), True),
    ("r.limited", "Member", ("ana", "check", "member:o/ana"), True),
    ("r.limited", "Member", ("ana", "check", "member:o/eve"), False),
    ("r.block(p).exists", "Doc", ("eve", "read", "doc:d"), True),
    ("r.block(p).exists", "Doc", ("bob", "read", "doc:d"), False),
    ('r.block_as("high").person = p', "Doc", ("eve", "read", "doc:d"), True),
    ("r.block_of.person = p", "Doc", ("eve", "read", "doc:d"), True),
    ('r.block(p).state = "high"', "Doc", ("eve", "read", "doc:d"), True),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "kind", "asked", "holds"), IN_FORCE)
def test_a_default_applies_to_all_that_exists_or_is_created(
    tmp_path: Path,
    condition: str,
    kind: str,
    asked: tuple[str, str, str],
    holds: bool,  # noqa: FBT001 - an expectation
) -> None:
    assert World(tmp_path, condition, kind).forbids(*asked) is holds


def test_look_ups_never_see_what_a_caller_says(tmp_path: Path) -> None:
    world = World(tmp_path, 'r.doc.block(r.person).exists and r.state = "low"', "Block")

    said = {"resource_properties": {"state": "low"}}
    assert world.forbids("ana", "show", "block:b1", **said)
    assert not world.forbids("ana", "show", "block:b1")
    assert not world.forbids("ana", "show", "block:b2", **said)


def test_members_of_a_type_that_nobody_mounts_are_absent_or_default(tmp_path: Path) -> None:
    world = World(tmp_path, 'r.call.region = "abroad" and r.call.carrier.exists = false')

    assert world.forbids("ana", "read", "doc:d", resource_properties={"call": "1"})
    assert not world.forbids("ana", "read", "doc:d")


OUTSIDE = [
    ("action_properties", "hours", 2**63, "not action.hours = 1", "action.hours = 1"),
    ("action_properties", "level", "low", 'not action.level = "high"', 'action.level = "high"'),
    ("action_properties", "level", "nonsense", 'action.level != "high"', 'action.level = "high"'),
    ("action_properties", "to", "nobody", "action.to.exists = false", "action.to.exists"),
    ("action_properties", "to", "", "action.to.exists = false", "action.to.exists"),
    ("action_properties", "cost", "1e5", "not action.cost <= 1", "action.cost <= 1"),
    ("action_properties", "tags", ["low", "x"], "action.tags.exists = false", "action.tags.exists"),
    ("action_properties", "whom", "o", "action.whom.exists = false", "action.whom matches Member"),
    ("context", "network", "", "context.network.exists = false", "context.network.exists"),
    ("context", "level", "x", 'not context.level = "high"', 'context.level = "high"'),
    ("context", "at", "soon", "not context.at <= context.now", "context.at <= context.now"),
    ("resource_properties", "kind", "x", 'not r.kind = "high"', 'r.kind = "high"'),
    ("resource_properties", "until", "soon", "not r.until <= context.now", "r.until.exists"),
    ("subject_properties", "mood", "x", 'not p.mood = "low"', 'p.mood = "low"'),
]  # fmt: skip


@pytest.mark.parametrize(("member", "name", "value", "absent", "present"), OUTSIDE)
def test_a_value_outside_its_domain_is_absent_and_grants_nothing(
    tmp_path: Path, member: str, name: str, value: object, absent: str, present: str
) -> None:
    said = {member: {name: value}}
    place = f"{member.replace('_', '.')}.{name}"

    seen = World(tmp_path / "absent", absent).ask("ana", "use", "doc:d", **said)
    unseen = World(tmp_path / "present", present)
    denied = unseen.ask("ana", "use", "doc:d", **said)

    assert codes(seen) == ("no",)
    assert codes(denied) == ("not_granted",)
    assert seen.outside == denied.outside == (place,)
    # Null says nothing.
    null = unseen.ask("ana", "use", "doc:d", **{member: {name: None}})
    assert null.outside == ()
    assert null == unseen.ask("ana", "use", "doc:d")


def test_what_no_member_declares_is_ignored_as_before(tmp_path: Path) -> None:
    world = World(tmp_path, 'context.network = "never"')

    assert world.ask("ana", "read", "doc:d", action_properties={"level": "x"}).allowed
    assert world.ask("ana", "read", "doc:e", resource_properties={"note": "", "x": "y"}).allowed
    assert world.ask("ana", "read", "doc:d", context={"now": "never", "x": ""}).allowed


def test_searches_find_nothing_for_a_value_outside_its_domain(tmp_path: Path) -> None:
    world = World(tmp_path, 'context.network = "never"')
    request = Request(
        subject=Reference("person", "ana"), action="use", resource=Reference("doc", "d")
    )
    searches = (search_subjects, search_resources)

    def found(asked: Request) -> list[int]:
        listed = list_permissions(asked, world.policy, world.snapshot, NOW)
        return [
            *(len(search(asked, world.policy, world.snapshot, NOW)) for search in searches),
            len(listed.actions),
        ]

    assert found(request) == [3, 2, 3]
    assert found(structs.replace(request, context={"level": "x"})) == [0, 0, 0]
    assert found(structs.replace(request, subject_properties={"mood": "x"})) == [0, 0, 0]
    assert found(structs.replace(request, resource_properties={"kind": "x"})) == [0, 0, 0]
    # Only `use` declares it.
    assert found(structs.replace(request, action_properties={"level": "x"})) == [0, 0, 2]


def test_a_permission_list_reads_the_defaults_of_each_action(tmp_path: Path) -> None:
    world = World(tmp_path, "(action.loud or action.hours = 1 or r.note.exists = false)")
    request = Request(subject=Reference("person", "ana"), action="", resource=Reference("doc", "d"))

    listed = list_permissions(request, world.policy, world.snapshot, NOW).actions

    assert listed == ("read", "list")


@pytest.mark.parametrize("action", ["", "*", "make", "read", "use"])
def test_a_permission_list_does_not_look_at_the_action_of_its_request(
    action: str, tmp_path: Path
) -> None:
    world = World(tmp_path, "not action.hours < 2")
    request = Request(
        subject=Reference("person", "ana"), action=action, resource=Reference("doc", "d")
    )

    listed = list_permissions(request, world.policy, world.snapshot, NOW).actions

    assert listed == ("use",)
    assert world.ask("ana", "list", "doc:d").allowed is False


def test_an_explanation_names_the_member_that_is_outside(tmp_path: Path) -> None:
    world = World(tmp_path, 'context.network = "never"')
    request = Request(
        subject=Reference("person", "ana"),
        action="use",
        resource=Reference("doc", "d"),
        action_properties={"level": "x"},
    )

    explanation = explain(request, world.policy, world.snapshot, NOW)

    assert explanation.outside == ("action.properties.level",)
    assert [rule.rule for rule in explanation.rules] == ["forbid"]
    places = ["--policies", str(tmp_path / "policies"), "--fixtures", str(tmp_path / "fixtures")]
    asked = ["person:ana", "use", "doc:d", "--property", "level=x", *places]
    told = CliRunner().invoke(main, ["authorize", *asked])
    explained = CliRunner().invoke(main, ["explain", *asked])
    assert "`action.properties.level` is outside its domain" in told.stderr
    assert "`action.properties.level` in the request is outside its domain" in explained.stdout
    assert "DIFFER" not in explained.stderr


def _of(resource: str, action: str, when: str) -> str:
    return f"{{resource: {resource}, action: {action}, when: '{when}'}}"


_DOC_USE = "{resource: doc, action: use}"
_OWN = "resource.owner = subject"
_LIMITED = f"{_OWN} and not resource.member(subject).limited.exists"
_LOW_BLOCK = 'resource.person = subject and resource.state = "low"'
_SAME_BLOCK = f"{_LOW_BLOCK} and resource.doc.block(subject) = resource"

PROOFS = [
    # what the pack adds, what is claimed, and whether it is proved
    ('action.level = "high"', _DOC_USE, True),
    ('action.level != "high"', _DOC_USE, False),
    ("action.level.exists = false", _DOC_USE, False),
    ('r.kind = "high"', _of("doc", "make", 'resource.kind = "high"'), True),
    ('r.kind = "high"', _of("doc", "make", "resource.kind.exists = false"), True),
    ('r.note = "none"', "{resource: doc, action: make}", True),
    ('r.note = "none"', "{resource: doc, action: read}", False),
    ('r.kind = "high"', _of("doc", "read", "resource.kind.exists = false"), True),
    ("r.member(p).limited", _of("org", "pay", _LIMITED), True),
    ("r.member(p).limited", _of("org", "pay", _OWN), False),
    ("r.block(p).exists", _of("doc", "read", 'resource.block(subject).state = "high"'), True),
    ("r.premium", _of("call", "place", "resource.premium.exists = false"), True),
    ('r.state = "low" and r.doc.block(p).exists', _of("block", "show", _SAME_BLOCK), True),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "never", "proved"), PROOFS)
def test_proofs_know_of_defaults_and_of_what_takes_none(
    tmp_path: Path,
    condition: str,
    never: str,
    proved: bool,  # noqa: FBT001 - an expectation
) -> None:
    kinds = {"org": "Org", "call": "Call", "block": "Block"}
    kind = next((kinds[each] for each in kinds if f"resource: {each}" in never), "Doc")
    world = World(tmp_path, condition, kind)
    place = tmp_path / "policies"
    (place / "invariants.yaml").write_text(f"invariants:\n  - name: it is so\n    never: {never}\n")

    schema, (verdict,) = prove(
        PackPlace(name="pack", policies=place, fixtures=tmp_path / "fixtures")
    )

    assert verdict.holds is proved
    for counterexample in verdict.counterexamples:
        example = counterexample.example
        assert example is not None
        for action in counterexample.actions:
            request = example.asking(action)
            snapshot: Snapshot = example.snapshot(schema)
            assert authorize(request, world.policy, snapshot, example.now).allowed, request
