"""The nearest changes of a decision: each is one, and what one cell turns is never missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec import structs

from sidecar.compiler import load_pack
from sidecar.diagram.nodes import FALSE, TRUE
from sidecar.diagram.questions import text_of
from sidecar.engine import kind_of
from sidecar.engine.authorizer import authorize
from sidecar.engine.fact_sources import Sources
from sidecar.engine.paths import Reader
from sidecar.engine.policy import Policy
from sidecar.errors import InvalidSnapshotError
from sidecar.facts import Cells, Quoted, Snapshot, Table, build, read_directory
from sidecar.facts import Facts as MountedFacts
from sidecar.model import Reference, Request
from sidecar.review.aligned_diagrams import UncompiledError
from sidecar.review.conditions import Condition, Outcomes
from sidecar.review.counterfactual import Changes, Decided
from sidecar.review.counterfactual_text import Turning
from sidecar.review.explain import Facts, explain_to_reviewer
from sidecar.review.fact_slots import Cell, Slot, Slots
from sidecar.schema import EntityType, Key, Kind, Value
from tests.cli.test_explain import explained, explained_of, invited, packs
from tests.depth import deep
from tests.differential.comparing import generated_requests
from tests.differential.generating import START
from tests.engine.test_explanation import AT, question

Search = TypeVar("Search", bound=Changes)


def lines(turning: tuple[Turning, ...], audience: str = "") -> list[str]:
    return [each.line("turned") for each in turning if audience in {"", each.audience}]


def test_an_allow_names_each_fact_that_alone_would_deny_it() -> None:
    told = [
        tuple(fact.path for fact in each.facts)
        for each in explained("dora", "numbers.view", "account:acme").turning
    ]

    assert told == [
        ("resource.membership(subject)",),
        ("resource.membership(subject).status",),
        ("resource.membership(subject).role",),
        ("resource.plan",),
        ("resource.monthly_commitment",),
        ("resource.contract",),
        ("resource.contract_ends",),
        ("now",),
    ]


def test_of_a_role_only_those_are_told_that_would_deny() -> None:
    told = lines(explained("dora", "numbers.view", "account:acme").turning)

    role = "resource.membership(subject).role"
    assert f"{role} is developer; turned if {role} is finance_analyst" in told


def test_a_denial_names_the_roles_that_would_allow_it_to_an_administrator_only() -> None:
    told = explained("sue", "credentials.view", "account:acme").turning

    role = "resource.membership(subject).role"
    assert lines(told, "user") == []
    assert lines(told, "administrator") == [
        f"{role} is support; turned if {role} is admin or developer",
        "resource.owner is ana; turned if resource.owner is subject",
    ]


def test_a_smaller_change_comes_first_and_a_wider_one_without_need_not_at_all() -> None:
    told = explained("wes", "billing.view", "account:cedar").turning

    assert [len(each.facts) for each in told] == [1, 4]
    assert lines(told)[1].endswith(
        "turned if resource.plan is committed and resource.monthly_commitment is at least 750 USD "
        "and resource.contract is annual and resource.contract_ends is after now"
    )


def test_what_the_request_says_may_be_told_to_the_user() -> None:
    told = invited("zoe@gmail.com", via_proxy=True).turning

    assert lines(told, "administrator") == []
    domain = "settings.personal_email_domains does not include resource.email.domain"
    facts = "resource.email is withheld, context.via_proxy is true"
    assert lines(told, "user") == [f"{facts}; turned if {domain} and context.via_proxy is false"]


def test_what_the_policy_never_allows_has_no_nearest_change() -> None:
    told = explained("ana", "transfer", "account:acme")

    assert told.turning == ()
    assert told.unturned == "the policy never allows it, whatever the facts are"


def test_the_clock_is_never_turned_back() -> None:
    told = explained("cy", "accept", "invitation:inv-6").turning

    assert [fact.path for each in told for fact in each.facts] == ["resource.expires_at"]


def test_what_oso_decides_at_request_time_says_that_it_has_no_changes() -> None:
    told = explained("cleo", "view", "folder:c14", pack="documents")

    assert told.turning == ()
    assert "is put to Oso at request time" in told.unturned


CLOCK = {
    "schema.yaml": """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  room:
    table: rooms
    key: id
    attributes: {id: string, opens: instant}
    actions: {enter: {properties: {from: instant}}}
settings: {opening: instant}
""",
    "settings.yaml": "opening: 2027-01-01T00:00:00Z\n",
    "reasons.yaml": "reasons: {no: No.}\n",
}


@pytest.mark.parametrize(
    ("condition", "audience"),
    [
        ("room.opens <= context.now", "administrator"),  # which would tell when it opens
        ("settings.opening <= context.now", "user"),
        ("action.from <= context.now", "user"),
    ],
)
def test_waiting_is_told_to_the_user_where_it_tells_nothing_of_the_mount(
    tmp_path: Path, condition: str, audience: str
) -> None:
    for name, text in CLOCK.items():
        (tmp_path / name).write_text(text)
    rule = (
        f"allow(_: User, action: Action, room: Room) if {condition} and action.from.exists = true"
    )
    (tmp_path / "main.polar").write_text(f"actor User {{}}\n{rule} and room.exists = true;\n")
    (tmp_path / "users.yaml").write_text("- {id: ana}\n")
    (tmp_path / "rooms.yaml").write_text("- {id: hall, opens: 2027-01-01T00:00:00Z}\n")
    policy = load_pack(tmp_path, tmp_path)
    mount = tmp_path / "mount"
    mount.mkdir()
    for name in ("users.yaml", "rooms.yaml"):
        (tmp_path / name).rename(mount / name)
    request = Request(
        subject=Reference("user", "ana"),
        action="enter",
        resource=Reference("room", "hall"),
        action_properties={"from": "2027-01-01T00:00:00Z"},
    )

    facts = Facts(read_directory(policy.schema, mount), {})
    told = explain_to_reviewer(request, policy, facts, datetime(2026, 12, 1, tzinfo=UTC)).turning
    policy.interpreter.close()

    waiting = [each for each in told if [fact.path for fact in each.facts] == ["now"]]
    assert [each.audience for each in waiting] == [audience]
    assert "now is 2026-12-01T00:00:00Z; turned if" in lines(tuple(waiting))[0]


ROOMS = """\
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  room:
    table: rooms
    key: id
    attributes:
      {id: string, opens: instant, seats: integer, open: boolean, owner: user, busy: boolean}
    actions: {enter: {}}
"""


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("room.opens <= context.now", "resource.opens is not after now"),
        ("room.seats > 3", "resource.seats is more than 3"),
        ("room.open = true", "resource.open is true"),
        ("room.owner = user", "resource.owner is subject"),
    ],
)
def test_what_may_have_any_answer_is_not_told(tmp_path: Path, condition: str, words: str) -> None:
    user = "user" if "user" in condition else "_"
    bodies = (
        f"{condition} and room.busy = true",  # looked at first, though the last rule does not care
        f'{condition} and room.id = "hall"',
        "room.busy = true",
    )
    rules = "".join(
        f"allow({user if user in body else '_'}: User, _: Action, room: Room) if {body};\n"
        for body in bodies
    )
    asked = question("ana", "enter", "room:hall")

    told = explained_of(tmp_path, ROOMS, rules, {"user": {"id": "ana"}}, asked)

    either = f"resource.busy is true, or resource has one and {words} and resource.busy is false"
    assert lines(told.turning) == [f"resource has no row; turned if resource has one and {either}"]


SEATS = """\
enums: {level: [low, high]}
types:
  user: {subject: true, table: users, key: id, attributes: {id: string}}
  team:
    table: teams
    key: id
    attributes: {id: string, boss: {type: user, may_dangle: true}}
    lookups:
      seat: {finds: seat, arguments: {user: user}, match: {team: this, user: user}}
      high: {finds: seat, match: {team: this}, where: {level: high}, several: first}
    actions: {enter: {}}
  seat:
    table: seats
    key: [team, user]
    implied: {team.boss: user}
    attributes: {team: team, user: user, level: {type: level, default: high}}
"""


def test_what_begins_to_exist_without_a_row_has_its_defaults(tmp_path: Path) -> None:
    head = "allow(user: User, _: Action, team: Team) if"
    found = "allow(_: User, _: Action, team: Team) if team.high().exists = true;"
    rules = f'{head} team.seat(user).level = "low";\n{head} team.boss = user;\n{found}\n'
    rows: dict[str, Cells] = {"user": {"id": "ana"}, "team": {"id": "blue", "boss": "bob"}}

    told = explained_of(tmp_path, SEATS, rules, rows, question("ana", "enter", "team:blue"))

    begins = "resource.seat(subject) has no row; turned if resource.seat(subject) has one"
    level = "resource.seat(subject).level"
    assert lines(told.turning) == [
        f"{begins} and {level} is low, or resource.seat(subject) has one and {level} is high",
        "resource.boss is bob; turned if resource.boss is subject",
        "resource.high() has no row; turned if resource.high() has one",
    ]


WARD = """\
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, until: {type: instant, optional: true}}
    lookups:
      on_shift: {finds: shift, match: {user: this}, where: {until: "> now"}, several: any}
  team: {table: teams, key: id, attributes: {id: string}}
  shift:
    table: shifts
    key: id
    attributes: {id: string, user: user, team: team, until: instant}
  care: {table: cares, key: id, attributes: {id: string, patient: patient, team: team}}
  coupon: {table: coupons, key: id, attributes: {id: string, until: instant}}
  patient:
    table: patients
    key: id
    attributes: {id: string}
    lookups:
      treated: {finds: care, match: {patient: this}, where: {id: one}, several: any}
      cared_by:
        finds: care
        through: {shift: shift}
        arguments: {user: user}
        match: {patient: this, team: shift.team, shift.user: user}
        where: {shift.until: "> now"}
        several: any
    actions: {view: {properties: {coupon: coupon, why: string}}}
"""
CARES = "allow(user: User, _: Action, patient: Patient) if patient.cared_by(user).exists = true;\n"
ON_SHIFT = """\
allow(user: User, action: Action, _: Patient) if
  user.until > context.now and user.on_shift().exists = true and action.why.exists = true;
"""
GOOD = """\
allow(_: User, _: Action, _: Patient);
forbid(_: User, action: Action, _: Patient, "no") if
  coupon := action.coupon and said(coupon) and not coupon.until > context.now;
said(_: Coupon);
"""
PEOPLE_OF_WARD: Mapping[str, Cells] = {
    "user": {"id": "ana", "until": Quoted("2027-01-01T00:00:00Z")},
    "team": {"id": "red"},
    "patient": {"id": "pat"},
    "coupon": {"id": "old", "until": Quoted("2026-01-01T00:00:00Z")},
}
SHIFT: Mapping[str, Cells] = {
    "shift": {"id": "one", "user": "ana", "team": "red", "until": Quoted("2027-01-01T00:00:00Z")}
}


def viewing(directory: Path, rules: str, rows: Mapping[str, Cells], **said: object) -> list[str]:
    asked = structs.replace(question("ana", "view", "patient:pat"), action_properties=said)
    told = explained_of(directory, WARD, rules, {**PEOPLE_OF_WARD, **rows}, asked)
    return lines(told.turning)


def test_a_row_that_goes_is_not_told_with_what_cannot_be_without_it(tmp_path: Path) -> None:
    told = viewing(tmp_path, f"{CARES}{ON_SHIFT}", SHIFT)

    assert [line for line in told if line.startswith("subject.on_shift()")] == []
    assert "action.why is absent; turned if action.why is given" in told


def test_a_cell_turns_no_look_up_of_rows_of_another_type(tmp_path: Path) -> None:
    told = viewing(tmp_path, ON_SHIFT, SHIFT, why="because")

    until = "subject.until is 2027-01-01T00:00:00Z"
    assert [line for line in told if line.startswith("subject.until")] == [
        f"{until}; turned if subject.until is missing, or subject.until is not after now"
    ]


def test_a_row_that_comes_is_told_without_what_is_not_needed_beside_it(tmp_path: Path) -> None:
    treated = "allow(_: User, _: Action, patient: Patient) if patient.treated().exists = true;\n"

    told = viewing(tmp_path, f"{treated}{CARES}", SHIFT)

    assert told == [
        f"{row} has no row; turned if {row} has one"
        for row in ("resource.treated()", "resource.cared_by(subject)")
    ]


@pytest.mark.parametrize("coupon", ["old", "unknown"])
def test_a_reference_that_the_caller_sends_can_be_left_out(tmp_path: Path, coupon: str) -> None:
    told = viewing(tmp_path, GOOD, {}, coupon=coupon)

    assert told[0] == f"action.coupon is {coupon}; turned if action.coupon is missing"


# --- nothing is missed, and what is told is enough ----------------------------------------------


PACKS = deep(9, quick=4)
"""Packs that are made by chance."""
QUESTIONS = [
    ("ana", "team.manage", "account:acme"),
    ("bob", "land", "account:acme"),
    ("dora", "numbers.view", "account:acme"),
    ("sue", "credentials.view", "account:acme"),
    ("uma", "billing.view", "account:acme"),
    ("wes", "switch", "account:cedar"),
    ("wes", "logs.view", "account:birch"),
    ("bob", "remove", "membership:acme/dora"),
    ("bob", "revoke", "invitation:inv-2"),
    ("cy", "accept", "invitation:inv-7"),
    ("cy", "accept", "invitation:inv-6"),
    ("lou", "accept", "invitation:inv-7"),
]


@pytest.mark.parametrize(("subject", "action", "resource"), QUESTIONS)
def test_what_one_cell_turns_is_never_missed(subject: str, action: str, resource: str) -> None:
    policy, facts = packs()["shipped"]
    request = question(subject, action, resource)

    turned, found = _turning(policy, facts.snapshot, request, AT)

    assert turned != set()
    assert turned <= found


@pytest.mark.many
def test_what_one_cell_turns_is_never_missed_for_packs_made_by_chance(tmp_path: Path) -> None:
    asked = 0

    for seed in range(300, 300 + PACKS):
        for policy, snapshot, request in generated_requests(seed, tmp_path / str(seed), 2, 6):
            turned, found = _turning(policy, snapshot, request, START)
            asked += 1
            assert turned <= found, (seed, request)
        policy.interpreter.close()

    assert asked > PACKS * 8


class _Checked(Changes):
    """Looks at what is told of each way: does it, with all that stays, leave no other answer?"""

    wanted: bool
    ways = 0

    def _reduced(
        self, changed: frozenset[Slot], way: Mapping[int, Outcomes]
    ) -> tuple[Outcomes, ...]:
        told = super()._reduced(changed, way)
        places = {each.test.question: test for test, each in way.items()}
        stays = {
            test: now for test, now in self._current.items() if not self._is_open(test, changed)
        }
        stays |= {test: each for test, each in way.items() if self.now(each) in each.outcomes}
        unwanted = (FALSE, TRUE) if self.wanted else (TRUE, FALSE)
        region = self._trees.choose(self._allowed, *unwanted)
        changes = {places[each.test.question]: each for each in told}
        where: list[Condition] = [*{**stays, **changes}.values(), *self._rows(changed)]
        assert self._regions.is_empty(region, where=where), (self._decided.request, told)
        self.ways += 1
        return told


@pytest.mark.parametrize(("subject", "action", "resource"), QUESTIONS)
def test_what_is_told_of_a_change_is_enough(subject: str, action: str, resource: str) -> None:
    policy, facts = packs()["shipped"]

    assert _checked_ways(policy, facts.snapshot, question(subject, action, resource), AT) > 0


@pytest.mark.many
def test_what_is_told_of_a_change_is_enough_for_packs_made_by_chance(tmp_path: Path) -> None:
    ways = 0

    for seed in range(310, 310 + PACKS):
        for policy, snapshot, request in generated_requests(seed, tmp_path / str(seed), 2, 6):
            ways += _checked_ways(policy, snapshot, request, START)
        policy.interpreter.close()

    assert ways > PACKS * 6


def _checked_ways(policy: Policy, snapshot: MountedFacts, request: Request, now: datetime) -> int:
    changes = _changes(policy, snapshot, request, now, _Checked)
    if changes is None:
        return 0
    changes.wanted = not authorize(request, policy, snapshot, now).allowed
    _ = changes.allowing() if changes.wanted else changes.denying()
    return changes.ways


def _turning(
    policy: Policy, snapshot: MountedFacts, request: Request, now: datetime
) -> tuple[set[Slot], set[Slot]]:
    """Return the cells that turn a decision when they change, by trying, and by our search."""
    changes = _changes(policy, snapshot, request, now, Changes)
    if changes is None:
        return set(), set()
    allowed = authorize(request, policy, snapshot, now).allowed
    turns = changes.denying() if allowed else changes.allowing()
    found = {slot for turn in turns if len(turn.facts) == 1 for slot in turn.facts}
    facts = changes.facts(allowed=allowed)
    turned: set[Slot] = set()
    for declared, key, at, value in _cells_of(snapshot):
        slot = Cell(declared.name, key, list(declared.attributes)[at])
        if slot not in facts or slot in turned:
            continue
        try:
            changed = _with(snapshot, declared, key, at, value)
        except InvalidSnapshotError:
            continue
        if authorize(request, policy, changed, now).allowed is not allowed:
            turned.add(slot)
    return turned, found


def _changes(
    policy: Policy, snapshot: MountedFacts, request: Request, now: datetime, make: type[Search]
) -> Search | None:
    kind = kind_of(request.subject.type, request.resource.type, policy)
    if kind is None or request.action not in kind.resource.actions:
        return None
    sources = Sources(request, policy, kind.frame(request, snapshot, now))
    reader = Reader(policy.schema, policy.settings, kind.subject, kind.resource)
    try:
        return make(Decided(request, policy, snapshot, now), Slots(reader, sources), sources)
    except UncompiledError:
        return None


def _cells_of(snapshot: MountedFacts) -> Iterator[tuple[EntityType, Key, int, Value]]:
    """Yield each cell that is no key, with each value that it could have instead."""
    for name, declared in snapshot.schema.types.items():
        rows = snapshot.rows(name)
        for at, attribute in enumerate(declared.attributes.values()):
            kind, possible = attribute.type.kind, attribute.only or attribute.type.values
            others: set[Value] = {True, False} if kind is Kind.BOOLEAN else {*possible}
            others |= {row[at] for row in rows.values()} - {None}
            others |= {None} if attribute.optional else set()
            for key, row in rows.items() if attribute.name not in declared.key else ():
                yield from ((declared, key, at, each) for each in others if each != row[at])


def _with(snapshot: MountedFacts, changed: EntityType, key: Key, at: int, value: Value) -> Snapshot:
    """Return the facts with one cell changed."""
    tables = {}
    for name, declared in snapshot.schema.types.items():
        if declared.table:
            rows = []
            for each, row in snapshot.rows(name).items():
                here = name == changed.name and each == key
                values = [value if here and at == place else v for place, v in enumerate(row)]
                rows.append(_cells(declared, values))
            tables[name] = Table(declared.table, list(enumerate(rows, 1)))
    return build(snapshot.schema, tables)


def _cells(declared: EntityType, values: list[Value]) -> Cells:
    cells: dict[str, str | list[str]] = {}
    for attribute, value in zip(declared.attributes.values(), values, strict=True):
        if isinstance(value, frozenset):
            cells[attribute.name] = [Quoted(text_of(each)) for each in sorted(value, key=str)]
        elif value is not None:
            quoted = attribute.type.kind in {Kind.STRING, Kind.REFERENCE}
            text = text_of(value)
            cells[attribute.name] = Quoted(text) if quoted else text
    return cells
