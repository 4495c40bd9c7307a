"""Look-ups of any row find what the reference finds by trying each row with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.engine.any_row import UNKNOWN, AnyRow
from sidecar.facts import Row, Snapshot, Table, build
from sidecar.facts.indexes import matched_attributes
from sidecar.schema import Key, Schema, read_schema
from tests.depth import deep
from tests.reference.documents import read_document
from tests.reference.schema import Schema as ReferenceSchema
from tests.reference.schema import read_schema as read_reference_schema
from tests.reference.values import Entity, Value
from tests.reference.world import Facts as ReferenceFacts
from tests.reference.world import build as build_reference

SCHEMA = """
enums: {access: [reader, editor]}
types:
  user:
    subject: true
    table: users
    key: id
    attributes: {id: string, home: {type: team, optional: true}}
  team:
    table: teams
    key: id
    attributes: {id: string, boss: {type: user, optional: true}}
  membership:
    table: memberships
    key: [team, user]
    attributes: {team: team, user: user, until: {type: instant, default: 2026-01-05T00:00:00Z}}
  guest:
    table: guests
    key: id
    attributes:
      id: string
      team: team
      user: {type: user, optional: true}
      from: {type: instant, optional: true}
      access: {type: access, default: editor}
  document:
    table: documents
    key: id
    attributes: {id: string}
    lookups:
      by_key:
        {finds: share, arguments: {team: team}, match: {document: this, team: team}, several: any}
      access:
        finds: share
        arguments: {access: access}
        match: {document: this, access: access}
        where: {from: "<= now", until: "> now"}
        several: any
      boss:
        finds: share
        arguments: {user: user}
        match: {document: this, team.boss: user}
        several: any
      member:
        finds: share
        through: {other: membership}
        arguments: {user: user, access: access}
        match: {document: this, access: access, team: other.team, other.user: user}
        where: {other.until: ">= now", until: "> now"}
        several: any
      guest:
        finds: share
        through: {other: guest}
        arguments: {user: user}
        match: {document: this, team: other.team, other.user: user}
        where: {other.from: "< now", access: editor}
        several: any
      homes:
        finds: share
        through: {other: user}
        arguments: {home: team}
        match: {document: this, team: other.home, other.home: home}
        several: any
      joined_by_access:
        finds: share
        through: {other: guest}
        arguments: {user: user}
        match: {document: this, access: other.access, other.user: user}
        several: any
      joined_by_boss:
        finds: share
        through: {other: guest}
        arguments: {user: user}
        match: {document: this, team.boss: other.user, other.user: user}
        several: any
  share:
    table: shares
    key: [document, team]
    attributes:
      document: document
      team: team
      access: {type: access, default: reader}
      from: {type: instant, optional: true}
      until: {type: instant, optional: true}
"""
USERS, TEAMS, DOCUMENTS = ("u1", "u2"), ("t1", "t2", "t3"), ("d1", "d2")
START = datetime(2026, 1, 1, tzinfo=UTC)
LOOKUPS: Mapping[str, Sequence[Sequence[str]]] = {
    "by_key": [TEAMS],
    "access": [("reader", "editor")],
    "boss": [USERS],
    "member": [USERS, ("reader", "editor")],
    "guest": [USERS],
    "homes": [TEAMS],
    "joined_by_access": [USERS],
    "joined_by_boss": [USERS],
}


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Schema, ReferenceSchema]:
    path = tmp_path_factory.mktemp("fixtures") / "schema.yaml"
    path.write_text(SCHEMA)
    return read_schema(path), read_reference_schema(read_document(path))


moments = st.integers(0, 8).map(lambda half: START + timedelta(hours=12 * half))
texts = moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))


def rows_of(
    name: str, *key: tuple[str, ...], **columns: st.SearchStrategy[str]
) -> st.SearchStrategy[list[dict[str, str]]]:
    """Make rows with different keys, some of whose columns are missing."""
    names = {"shares": ("document", "team"), "memberships": ("team", "user")}.get(name, ("id",))
    keys = st.tuples(*map(st.sampled_from, key)).map(
        lambda each: dict(zip(names, each, strict=True))
    )
    optional = {column: made for column, made in columns.items() if column != "team_"}
    required = {"team": columns["team_"]} if "team_" in columns else {}
    row = st.builds(dict.__or__, keys, st.fixed_dictionaries(required, optional=optional))
    return st.lists(row, unique_by=lambda each: tuple(each[part] for part in names), max_size=8)


worlds = st.fixed_dictionaries(
    {
        "users": rows_of("users", USERS, home=st.sampled_from(TEAMS)).map(
            lambda rows: [{"id": each} | _of(rows, each) for each in USERS]
        ),
        "teams": rows_of("teams", TEAMS, boss=st.sampled_from(USERS)).map(
            lambda rows: [{"id": each} | _of(rows, each) for each in TEAMS]
        ),
        "memberships": rows_of("memberships", TEAMS, USERS, until=texts),
        "guests": rows_of(
            "guests",
            ("g1", "g2", "g3", "g4"),
            team_=st.sampled_from(TEAMS),
            user=st.sampled_from(USERS),
            access=st.sampled_from(("reader", "editor")),
            **{"from": texts},
        ),
        "documents": st.just([{"id": each} for each in DOCUMENTS]),
        "shares": rows_of(
            "shares",
            DOCUMENTS,
            TEAMS,
            access=st.sampled_from(("reader", "editor")),
            until=texts,
            **{"from": texts},
        ),
    }
)


def _of(rows: list[dict[str, str]], key: str) -> dict[str, str]:
    return next((row for row in rows if row["id"] == key), {})


def snapshot_of(schema: Schema, tables: Mapping[str, list[dict[str, Any]]]) -> Snapshot:
    return build(
        schema,
        {
            declared.name: Table(
                declared.table, [(at, row) for at, row in enumerate(tables[declared.table], 1)]
            )
            for declared in schema.types.values()
        },
    )


def expected(facts: ReferenceFacts, name: str, sources: Sequence[str], now: datetime) -> bool:
    """Ask the reference."""
    document = facts.schema.types["document"]
    kinds = document.look_ups[name].arguments.values()
    arguments = [
        Entity(kind.name, (text,)) if kind.base == "reference" else Value(str(kind), text)
        for kind, text in zip(kinds, sources[1:], strict=True)
    ]
    this = Entity("document", (sources[0],))
    found = facts.any_row(document.look_ups[name], this, arguments, now)
    return isinstance(found, Entity)


@given(worlds, st.data(), moments)
@settings(max_examples=150 * deep(1), deadline=None)
def test_a_row_is_found_where_one_fits_and_by_each_source(
    schemas: tuple[Schema, ReferenceSchema],
    tables: Mapping[str, list[dict[str, Any]]],
    data: st.DataObject,
    now: datetime,
) -> None:
    schema, other = schemas
    facts, trying = snapshot_of(schema, tables), build_reference(other, tables)
    name = data.draw(st.sampled_from(sorted(LOOKUPS)))
    domains = [DOCUMENTS, *LOOKUPS[name]]
    sources = data.draw(st.tuples(*map(st.sampled_from, domains)))
    any_row = AnyRow(schema, schema.types["document"].lookups[name])

    found = any_row.find(facts, sources, now)

    assert (found is not None) is expected(trying, name, sources, now)
    if found is not None:
        assert found in facts.rows("share").values()
    for at, domain in enumerate(domains):
        if not any_row.is_bounded(at):
            assert name in {"access", "joined_by_access"}
            continue
        asked = [*sources[:at], UNKNOWN, *sources[at + 1 :]]
        candidates = any_row.sources_of(facts, asked, now)
        fitting = {
            text
            for text in domain
            if expected(trying, name, [*sources[:at], text, *sources[at + 1 :]], now)
        }
        assert fitting <= set(candidates)


@given(worlds, st.data(), moments, moments)
@settings(max_examples=150 * deep(1), deadline=None)
def test_no_row_begins_or_ceases_to_fit_between_its_instants(
    schemas: tuple[Schema, ReferenceSchema],
    tables: Mapping[str, list[dict[str, Any]]],
    data: st.DataObject,
    one: datetime,
    two: datetime,
) -> None:
    schema, _ = schemas
    facts = snapshot_of(schema, tables)
    name = data.draw(st.sampled_from(sorted(LOOKUPS)))
    sources = data.draw(st.tuples(*map(st.sampled_from, [DOCUMENTS, *LOOKUPS[name]])))
    any_row = AnyRow(schema, schema.types["document"].lookups[name])
    # Instants of the facts lie on half days, so that these moments are apart from them.
    first, last = sorted((one + timedelta(hours=1), two + timedelta(hours=1)))

    between = [each for each in any_row.instants(facts, sources) if first <= each <= last]

    if not between:
        found = [any_row.find(facts, sources, now) is not None for now in (first, last)]
        assert found[0] is found[1]


def test_the_indexes_that_decisions_need_are_those_of_what_is_matched(
    schemas: tuple[Schema, ReferenceSchema],
) -> None:
    assert matched_attributes(schemas[0]) == {
        ("share", "document"),
        ("share", "team"),
        ("membership", "user"),
        ("guest", "user"),
        ("user", "home"),
    }


def test_a_path_of_two_steps_finds_rows_where_no_attribute_does(
    schemas: tuple[Schema, ReferenceSchema],
) -> None:
    names = [f"t{number}" for number in range(1_000)]
    tables: dict[str, list[dict[str, Any]]] = {
        "users": [{"id": "u1"}],
        "teams": [{"id": each} | ({"boss": "u1"} if each == "t7" else {}) for each in names],
        "memberships": [],
        "guests": [],
        "documents": [{"id": f"d{number}"} for number in range(1_000)],
        "shares": [{"document": f"d{at}", "team": each} for at, each in enumerate(names)],
    }
    facts = CountingFacts(snapshot_of(schemas[0], tables))
    any_row = AnyRow(schemas[0], schemas[0].types["document"].lookups["boss"])

    assert any_row.is_bounded(0)
    assert list(any_row.sources_of(facts, (UNKNOWN, "u1"), START)) == ["d7"]
    assert facts.read <= 5  # a share and its team, and the tables of both


class CountingFacts:
    """Facts that count how many rows are read."""

    def __init__(self, facts: Snapshot) -> None:
        self.schema, self.revision = facts.schema, facts.revision
        self.id_of, self.find, self.holders, self.ids = (
            facts.id_of,
            facts.find,
            facts.holders,
            facts.ids,
        )
        self._facts = facts
        self.read = 0

    def rows(self, type_name: str) -> Mapping[Key, Row]:
        self.read += 1
        return _Counted(self._facts.rows(type_name), self)


class _Counted(dict[Key, Row]):
    def __init__(self, rows: Mapping[Key, Row], facts: CountingFacts) -> None:
        super().__init__(rows)
        self._counting = facts

    def get(self, key: Key, default: Row | None = None) -> Row | None:  # type: ignore[override]  # rows are never None
        self._counting.read += 1
        return super().get(key, default)


@pytest.mark.parametrize(("shares", "memberships"), [(1_000, 3), (3, 1_000)])
def test_the_smaller_side_is_read(
    schemas: tuple[Schema, ReferenceSchema], shares: int, memberships: int
) -> None:
    teams = [f"t{number}" for number in range(1_000)]
    tables: dict[str, list[dict[str, Any]]] = {
        "users": [{"id": "u1"}],
        "teams": [{"id": each} for each in teams],
        "memberships": [{"team": each, "user": "u1"} for each in teams[:memberships]],
        "guests": [],
        "documents": [{"id": "d1"}],
        "shares": [
            {"document": "d1", "team": each, "until": "2025-01-01T00:00:00Z"}
            for each in teams[:shares]
        ],
    }
    facts = CountingFacts(snapshot_of(schemas[0], tables))
    any_row = AnyRow(schemas[0], schemas[0].types["document"].lookups["member"])

    assert any_row.find(facts, ("d1", "u1", "reader"), START) is None
    # A row of each side, and the table of the other side, for each of the three.
    assert facts.read <= 3 * 3 + 1
