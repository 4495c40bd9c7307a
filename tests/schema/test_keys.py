"""Ids name entities by their canonical form, whatever the type of the key, in every place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sidecar.compiler import load_pack
from sidecar.decision_log.hashing import Hashing
from sidecar.decision_log.line import Lines
from sidecar.engine.authorizer import authorize
from sidecar.engine.policy import Policy
from sidecar.engine.search import permissions, search_resources, search_subjects
from sidecar.errors import InvalidSnapshotError
from sidecar.facts import Snapshot, read_directory
from sidecar.model import Decision, Reference, Request
from sidecar.suites import read_suites, run_suites

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)

SCHEMA = """\
enums:
  tier: [gold, basic]
types:
  staff:
    description: Known by address only; nobody mounts it.
    subject: true
    key: address
    attributes: {address: email}
  person:
    subject: true
    table: people
    key: email
    attributes: {email: email, boss: {type: person, optional: true}}
    actions: {sign_up: {creates: true}}
  robot: {subject: true, key: name, attributes: {name: string}}
  site: {key: host, attributes: {host: domain}, actions: [open]}
  plan: {key: tier, attributes: {tier: tier}, actions: [open, upgrade]}
  offer: {key: tier, attributes: {tier: {type: tier, only: [basic]}}, actions: [open]}
  seat:
    key: [tier, staff]
    attributes: {tier: tier, staff: staff}
    actions: [open]
  doc:
    table: docs
    key: id
    attributes: {id: string, owner: staff, reader: person, host: domain}
    lookups:
      ban: {finds: ban, arguments: {staff: staff}, match: {doc: this, who: staff}}
      ban_by: {finds: ban, arguments: {address: email}, match: {doc: this, who.address: address}}
      read_by: {finds: grant, arguments: {person: person}, match: {doc: this, person: person}}
    actions: {read: {}, approve: {}, see: {}, make: {creates: true}}
  ban: {table: bans, key: [doc, who], attributes: {doc: doc, who: staff}}
  grant:
    table: grants
    key: [doc, person]
    attributes: {doc: doc, person: person}
    actions: [use]
settings:
  hosts: set of domain
  banned: set of email
  banned_staff: set of staff
  bad_grants: set of grant
  bad_host: domain
"""
SETTINGS = """\
hosts: [Evil.example, MÜNCHEN.example]
banned: [EVE@evil.example]
banned_staff: ["EVE@evil.example"]
bad_grants: [d/BOB@acme.example]
bad_host: EVIL.example
"""
REASONS = """\
reasons:
  own: Own.
  banned: Banned.
  by_text: By text.
  literal: Literal.
  pattern: Pattern.
  listed: Listed.
  domain: Domain.
  in_set: In the set.
  in_staff: In the set of staff.
  host: Host.
  hosts: Hosts.
  host_text: Host as text.
  gold: Gold.
  not_gold: Not gold.
  seat: Seat.
  same: Same.
  bad_grant: Bad.
  nobody: Nobody.
  nowhere: Nowhere.
"""
RULES = """\
allow(_: Staff, _, _);
allow(_: Robot, _, _);
allow(person: Person, _, doc: Doc) if doc.reader = person;
allow(person: Person, _: Action{name: "read"}, doc: Doc) if doc.read_by(person).exists = true;
allow(_: Person, _, _: Grant);
forbid(staff: Staff, _: Action{name: "approve"}, doc: Doc, "own") if doc.owner = staff;
forbid(staff: Staff, _, doc: Doc, "banned") if doc.ban(staff).exists = true;
forbid(staff: Staff, _, doc: Doc, "by_text") if doc.ban_by("Eve@EVIL.example").exists = true
  and staff.address = "eve@evil.example";
forbid(staff: Staff, _, _: Doc, "literal") if staff.address = "EVE@evil.example";
forbid(_: Staff{address: "Eve@evil.EXAMPLE"}, _, _: Doc, "pattern");
forbid(staff: Staff, _, _: Doc, "listed") if staff.address in ["x@y.example", "EVE@evil.example"];
forbid(staff: Staff, _, _: Doc, "domain") if staff.address.domain = "EVIL.example";
forbid(staff: Staff, _, _: Doc, "in_set") if settings.banned.includes(staff.address) = true;
forbid(staff: Staff, _, _: Doc, "in_staff") if settings.banned_staff.includes(staff) = true;
forbid(_, _, site: Site, "host") if site.host = settings.bad_host;
forbid(_, _, site: Site, "hosts") if settings.hosts.includes(site.host) = true;
forbid(_, _, site: Site, "host_text") if site.host = "EVIL.example.";
forbid(_, _, plan: Plan, "gold") if plan.tier = "gold";
forbid(_, _: Action{name: "upgrade"}, plan: Plan, "not_gold") if not plan.tier = "gold";
forbid(staff: Staff, _, seat: Seat, "seat") if seat.staff = staff;
forbid(_, _, seat: Seat, "same") if seat.tier = "gold";
forbid(_: Person, _, grant: Grant, "bad_grant") if settings.bad_grants.includes(grant) = true;
forbid(person: Person, _: Action{name: "see"}, _: Doc, "nobody") if person.email.exists = false;
forbid(_, _: Action{name: "open"}, site: Site, "nowhere") if site.exists = false;
"""
WORLD = {
    "people": "- {email: Ana@Acme.example}\n- {email: bob@acme.example, boss: ANA@acme.example}\n",
    "docs": (
        "- {id: d, owner: Eve@Evil.example, reader: ANA@acme.example, host: Evil.example}\n"
        "- {id: e, owner: zoe@acme.example, reader: bob@acme.example, host: acme.example}\n"
    ),
    "bans": "- {doc: d, who: eve@EVIL.example}\n",
    "grants": "- {doc: d, person: Bob@acme.example}\n- {doc: e, person: ana@acme.example}\n",
}


def _write(path: Path) -> tuple[Path, Path]:
    policies, fixtures = path / "policies", path / "fixtures"
    world = fixtures / "worlds" / "demo"
    world.mkdir(parents=True)
    policies.mkdir()
    (policies / "main.polar").write_text(RULES)
    (fixtures / "schema.yaml").write_text(SCHEMA)
    (fixtures / "settings.yaml").write_text(SETTINGS)
    (fixtures / "reasons.yaml").write_text(REASONS)
    for table, rows in WORLD.items():
        (world / f"{table}.yaml").write_text(rows)
    return policies, fixtures


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Policy, Snapshot, Path]]:
    path = tmp_path_factory.mktemp("keys")
    policies, fixtures = _write(path)
    policy = load_pack(policies, fixtures)
    yield policy, read_directory(policy.schema, fixtures / "worlds" / "demo"), path
    policy.interpreter.close()


def _request(subject: str, action: str, resource: str) -> Request:
    return Request(
        subject=Reference(*subject.split(":", 1)),
        action=action,
        resource=Reference(*resource.split(":", 1)),
    )


def _told(decision: Decision) -> str:
    return " ".join(reason.code for reason in decision.reasons) or "allow"


ALL_OF_EVE = "banned by_text literal pattern listed domain in_set in_staff"
DECISIONS = [
    ("staff:eve@evil.example", "read", "doc:d", ALL_OF_EVE),
    ("staff:Eve@Evil.example", "read", "doc:d", ALL_OF_EVE),
    ("staff:EVE@EVIL.EXAMPLE.", "approve", "doc:d", f"own {ALL_OF_EVE}"),
    ("staff:eve@\uff45vil.example", "read", "doc:d", ALL_OF_EVE),
    ("staff:x@acme.example", "read", "doc:d", "allow"),
    ("staff:a..b@docomo.example", "read", "doc:d", "allow"),
    ("staff:nonsense", "read", "doc:d", "unknown_subject"),
    ("staff:a@b@c", "approve", "doc:d", "unknown_subject"),
    ("staff: eve@evil.example", "read", "doc:d", "unknown_subject"),
    ("staff:eve@evil.example\u200b", "approve", "doc:d", "unknown_subject"),
    ("staff:x@y.example", "open", "site:EVIL.example", "host hosts host_text"),
    ("staff:x@y.example", "open", "site:evil.example.", "host hosts host_text"),
    ("staff:x@y.example", "open", "site:sub.münchen.example", "hosts"),
    ("staff:x@y.example", "open", "site:SUB.xn--mnchen-3ya.example", "hosts"),
    ("staff:x@y.example", "open", "site:acme.example", "allow"),
    ("staff:x@y.example", "open", "site:evil.example:80", "nowhere unknown_resource"),
    ("staff:x@y.example", "open", "plan:gold", "gold"),
    ("staff:x@y.example", "open", "plan:basic", "allow"),
    ("staff:x@y.example", "open", "plan:Gold", "unknown_resource"),
    ("staff:x@y.example", "open", "offer:basic", "allow"),
    ("staff:x@y.example", "open", "offer:gold", "unknown_resource"),
    ("staff:x@y.example", "upgrade", "plan:zzz", "not_gold unknown_resource"),
    ("staff:x@y.example", "open", "seat:basic/X@Y.example", "seat"),
    ("staff:x@y.example", "open", "seat:basic/z@y.example", "allow"),
    ("staff:x@y.example", "open", "seat:gold/z@y.example", "same"),
    ("staff:x@y.example", "open", "seat:silver/x@y.example", "unknown_resource"),
    ("staff:x@y.example", "open", "seat:basic/nobody", "unknown_resource"),
    ("staff:x@y.example", "open", "seat:basic", "unknown_resource"),
    ("robot:r2", "read", "doc:d", "allow"),
    ("robot:r2", "sign_up", "person:new@acme.example", "allow"),
    ("robot:r2", "sign_up", "person:ANA@acme.example", "already_exists"),
    ("robot:r2", "sign_up", "person:ana@acme.example\u200b", "unknown_resource"),
    ("robot:r2", "make", "doc:new", "allow"),
    ("robot:r2", "make", "doc:d", "already_exists"),
    ("robot:r2", "make", "doc:d\u200b", "unknown_resource"),
    ("robot:R2 d2", "read", "doc:d", "allow"),
    ("robot:r2\u200b", "read", "doc:d", "unknown_subject"),
    ("robot:\ufeffr2", "read", "doc:d", "unknown_subject"),
    ("robot: r2", "read", "doc:d", "unknown_subject"),
    ("robot:r2", "read", "doc:d ", "unknown_resource"),
    ("person:ANA@acme.EXAMPLE", "read", "doc:d", "allow"),
    ("person:ana@acme.example", "read", "doc:e", "allow"),
    ("person:BOB@acme.example", "read", "doc:d", "allow"),
    ("person:ana@other.example", "see", "doc:d", "unknown_subject"),
    ("person:nonsense", "see", "doc:d", "nobody unknown_subject"),
    ("person:ana@acme.example", "use", "grant:d/BOB@ACME.example", "bad_grant"),
    ("person:ana@acme.example", "use", "grant:e/ANA@acme.example", "allow"),
]


@pytest.mark.parametrize(("subject", "action", "resource", "told"), DECISIONS)
def test_another_spelling_names_the_same_entity_and_no_other_exists(
    pack: tuple[Policy, Snapshot, Path], subject: str, action: str, resource: str, told: str
) -> None:
    policy, snapshot, _ = pack

    decision = authorize(_request(subject, action, resource), policy, snapshot, NOW)

    assert _told(decision) == told
    assert not decision.faults


def test_lists_of_permissions_go_by_the_canonical_form(
    pack: tuple[Policy, Snapshot, Path],
) -> None:
    policy, snapshot, _ = pack

    def listed(subject: str, resource: str) -> tuple[str, ...]:
        return permissions(_request(subject, "", resource), policy, snapshot, NOW)

    assert listed("person:ANA@ACME.example", "doc:d") == ("read", "approve", "see")
    assert listed("staff:EVE@evil.example", "doc:d") == ()
    assert listed("staff:x@y.example", "plan:zzz") == ()


def test_searches_return_ids_as_the_mount_spells_them(
    pack: tuple[Policy, Snapshot, Path],
) -> None:
    policy, snapshot, _ = pack

    def subjects(action: str, resource: str) -> tuple[str, ...]:
        return search_subjects(_request("person:", action, resource), policy, snapshot, NOW)

    def resources(subject: str, action: str, kind: str) -> tuple[str, ...]:
        return search_resources(_request(subject, action, f"{kind}:"), policy, snapshot, NOW)

    assert subjects("read", "doc:d") == ("Ana@Acme.example", "bob@acme.example")
    assert subjects("use", "grant:e/ANA@acme.example") == ("Ana@Acme.example", "bob@acme.example")
    assert resources("person:ANA@acme.example", "read", "doc") == ("d", "e")
    assert resources("person:ANA@acme.example", "use", "grant") == ("e/ana@acme.example",)
    assert snapshot.id_of("grant", ("d", "bob@acme.example")) == "d/Bob@acme.example"
    assert snapshot.id_of("grant", ("e", "bob@acme.example")) == "e/bob@acme.example"
    assert snapshot.id_of("grant", ("d", "ana@acme.example")) == "d/Ana@Acme.example"


def test_the_decision_log_has_an_id_as_it_was_sent_and_its_canonical_form(
    pack: tuple[Policy, Snapshot, Path],
) -> None:
    policy, _, _ = pack
    lines = Lines(Hashing(b"k" * 32))

    def written(subject: str, resource: str) -> list[object]:
        line = lines.asked(_request(subject, "read", resource), policy.schema)
        return [line["subject"], line["resource"]]

    assert written("person:ANA@acme.example", "doc:d") == [
        {"type": "person", "id": "ANA@acme.example", "key": "ana@acme.example"},
        {"type": "doc", "id": "d"},
    ]
    assert written("person:nonsense", "site:EVIL.example") == [
        {"type": "person", "id": "nonsense"},
        {"type": "site", "id": "EVIL.example", "key": "evil.example"},
    ]


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("people", "- {email: ANA@acme.example}", "ana@acme.example` is repeated"),
        ("bans", "- {doc: d, who: EVE@evil.example}", "d/eve@evil.example` is repeated"),
        ("docs", "- {id: 'd ', owner: a@b.c, reader: ana@acme.example, host: b.c}", "invisible"),
        (
            "docs",
            '- {id: "\\u200bx", owner: a@b.c, reader: ana@acme.example, host: b.c}',
            "invisible",
        ),
        ("people", "- {email: ' zoe@acme.example'}", "begins or ends with an invisible character"),
        ("bans", '- {doc: d, who: "z@y.example\\u200b"}', "is no id of type staff"),
    ],
)
def test_repeated_and_unreachable_keys_are_faults_of_the_mount(
    pack: tuple[Policy, Snapshot, Path], tmp_path: Path, table: str, row: str, message: str
) -> None:
    policy, _, _ = pack
    for name, rows in WORLD.items():
        (tmp_path / f"{name}.yaml").write_text(rows + (f"{row}\n" if name == table else ""))

    with pytest.raises(InvalidSnapshotError) as refused:
        read_directory(policy.schema, tmp_path)

    assert message in str(refused.value.problems[0])


SUITE = """\
suite: keys
world: demo
now: 2026-12-01T12:00:00Z
cases:
  - name: rows of a case replace those of the world by the canonical form of their keys
    facts: {people: [{email: BOB@ACME.example, boss: null}]}
    resource: doc:e
    subjects: [person:bob@acme.example, "person:Bob@acme.example"]
    actions: [read]
    allow: {person:bob@acme.example: [read], "person:Bob@acme.example": [read]}
"""


def test_suites_go_by_the_canonical_form(pack: tuple[Policy, Snapshot, Path]) -> None:
    policy, _, path = pack
    (path / "policies" / "keys_test.yaml").write_text(SUITE)

    cells = run_suites(read_suites(path / "policies"), policy, path / "fixtures" / "worlds")

    assert [cell.failure for cell in cells] == [None, None]
