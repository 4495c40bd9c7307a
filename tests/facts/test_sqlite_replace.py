"""Rows that REPLACE deletes because of other unique values than the key."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from sidecar.facts.json_cells import NULL
from sidecar.facts.sources import MappingFile, SourceMapping, read_mapping
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.schema import Schema, read_schema
from tests.depth import deep
from tests.facts.following import Follower

SCHEMA = """
types:
  item:
    subject: true
    table: items
    key: id
    attributes: {id: string, a: {type: string, optional: true}, b: {type: string, optional: true}}
  part:
    table: parts
    key: id
    attributes: {id: string, item: {type: string, optional: true}}
"""
MAPPING = "item: {table: items}\npart: {table: parts}\n"
PARTS = "CREATE TABLE parts (id TEXT PRIMARY KEY, item REFERENCES items (id) {}, label UNIQUE);"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Schema, SourceMapping]:
    directory = tmp_path_factory.mktemp("fixtures")
    (directory / "schema.yaml").write_text(SCHEMA)
    (directory / "sources.yaml").write_text(MAPPING)
    schema = read_schema(directory / "schema.yaml")
    return schema, read_mapping(MappingFile(directory / "sources.yaml"), schema)


def create(path: Path, pack: tuple[Schema, SourceMapping], tables: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA synchronous = off;\n{tables}")
        connection.executescript(sqlite_ddl(*pack, connection))


def read_anew(path: Path, pack: tuple[Schema, SourceMapping]) -> Follower:
    follower = Follower(SqliteSource(path, *pack), pack[0])
    follower.look()
    return follower


@dataclass(frozen=True)
class Tables:
    """Tables of a user."""

    text: str
    is_logged: bool
    """Whether all that REPLACE deletes can be logged."""
    has_defaults: bool
    """Whether REPLACE puts a default in the place of NULL."""


COLLATIONS = ["", " COLLATE NOCASE", " COLLATE RTRIM"]
LOGGED = [
    "a",
    "b COLLATE NOCASE",
    "a COLLATE RTRIM",
    "a COLLATE BINARY, b",
    "b) WHERE (a IS NOT NULL",
    "a) WHERE items.b <> ') WHERE x' AND (b <> 'x' OR \"a\" = 'x'",
    "g",
    "n",
    "n, g",
    "id, a",
]
UNLOGGED = ["lower(a)", "b || ''", "a) WHERE b <> /* no */ ('x'"]
KEYS = [
    ("n", "TEXT{} PRIMARY KEY", ""),
    ("n", "TEXT{} PRIMARY KEY", " WITHOUT ROWID"),
    ("n INTEGER PRIMARY KEY", "TEXT{} UNIQUE", ""),
    ("n INTEGER PRIMARY KEY", "TEXT{} NOT NULL UNIQUE ON CONFLICT REPLACE", ""),
    ("n", "INTEGER PRIMARY KEY", ""),
    ("rowid, oid, _rowid_, n INTEGER PRIMARY KEY", "TEXT UNIQUE", ""),
]
WRITING = """CREATE TRIGGER own UPDATE ON items
    BEGIN UPDATE items SET b = 'y' WHERE id = OLD.id; END;"""
OWN_TRIGGERS = [
    WRITING,
    """CREATE TRIGGER own BEFORE INSERT ON items
    BEGIN UPDATE items SET b = NEW.a WHERE id = '1'; END;""",
    """CREATE TRIGGER own AFTER DELETE ON items
    BEGIN INSERT OR REPLACE INTO parts VALUES (OLD.id, NULL, OLD.a); END;""",
]
CASCADES = ["ON DELETE CASCADE ON UPDATE CASCADE", "ON DELETE SET NULL", ""]


def tables_of(random: Random) -> Tables:
    numbered, key, options = random.choice(KEYS)
    default = random.choice(["", "", " NOT NULL DEFAULT 'x'"])
    generated = random.choice(["lower(a)", "a || 'z'", "b"])
    stored = random.choice(["STORED", "VIRTUAL"])
    columns = [
        numbered,
        f"id {key}".format(random.choice(COLLATIONS)),
        f"a TEXT{random.choice(COLLATIONS)}{default}",
        f"b TEXT{random.choice(COLLATIONS)}",
        f"g TEXT{random.choice(COLLATIONS)} AS ({generated}) {stored}",
    ]
    if random.random() < 0.3:
        conflict = random.choice(["", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE"])
        columns.append(f"UNIQUE (b){conflict}")
    text = f"CREATE TABLE items ({', '.join(columns)}){options};\n"
    indexes = random.sample(LOGGED, random.choice([0, 1, 1, 1, 2]))
    if random.random() < 0.15:
        indexes.append(random.choice(UNLOGGED))
    for number, index in enumerate(indexes):
        text += f"CREATE UNIQUE INDEX i{number} ON items ({index});\n"
    text += PARTS.format(random.choice(CASCADES))
    if random.random() < 0.3:
        text += random.choice(OWN_TRIGGERS)
    return Tables(text, not set(indexes) & set(UNLOGGED), bool(default))


TEXTS = ["'x'", "'X'", "'x '", "'y'", "'yz'", "NULL"]
NUMBERS = ["1", "2", "3", "4"]
IDS = [*NUMBERS, "5", "6", "'x'", "'X'"]
VALUES = {"a": TEXTS, "b": TEXTS, "id": IDS, "n": [*NUMBERS, "5", "6"], "rowid": NUMBERS}
ACTIONS = ["OR REPLACE "] * 6 + ["", "", "OR IGNORE ", "OR FAIL "]
UPSERTS = [
    " ON CONFLICT DO NOTHING",
    " ON CONFLICT (id) DO UPDATE SET a = excluded.a, b = 'y'",
    " ON CONFLICT DO UPDATE SET b = excluded.a",
]


def statement_of(random: Random) -> str:
    kind = random.choice(["insert"] * 8 + ["update"] * 3 + ["delete"])
    table = random.choice(["items"] * 5 + ["parts"])
    names = random.sample(list(VALUES), random.choice([1, 2, 2, 3]))
    given = {name: random.choice(VALUES[name]) for name in names}
    if table == "parts":
        given = {
            "id": random.choice(IDS),
            "item": random.choice(IDS),
            "label": random.choice(TEXTS),
        }
    elif kind == "insert":
        given.setdefault("id", random.choice(IDS))
    where = f" WHERE id = {random.choice(IDS)}"
    action = random.choice(ACTIONS)
    if kind == "delete":
        return f"DELETE FROM {table}{where}"  # noqa: S608  our own
    if kind == "update":
        assignments = ", ".join(f"{name} = {value}" for name, value in given.items())
        return f"UPDATE {action}{table} SET {assignments}{where}"  # noqa: S608  our own
    upsert = random.choice(UPSERTS) if table == "items" and random.random() < 0.2 else ""
    columns, cells = ", ".join(given), ", ".join(given.values())
    return f"INSERT {action}INTO {table} ({columns}) VALUES ({cells}){upsert}"  # noqa: S608  our own


def write_some(connection: sqlite3.Connection, random: Random) -> list[str]:
    """Commit a transaction; return its statements."""
    statements = [statement_of(random) for _ in range(random.choice([1, 1, 1, 2, 4]))]
    connection.execute("BEGIN")
    for statement in statements:
        with suppress(sqlite3.IntegrityError, sqlite3.OperationalError):
            connection.execute(statement)
    connection.execute("COMMIT")
    return statements


def rows_of(connection: sqlite3.Connection) -> dict[str, list[tuple[str | None, ...]]]:
    statements = {"item": "SELECT id, a, b FROM items", "part": "SELECT id, item FROM parts"}
    return {
        name: sorted(
            tuple(value if value is None else str(value) for value in row)
            for row in connection.execute(statement)
        )
        for name, statement in statements.items()
    }


def followed(follower: Follower) -> dict[str, list[tuple[str | None, ...]]]:
    return {
        name: sorted(
            tuple(None if value is NULL else str(value) for value in row.values())
            for found in rows.values()
            for row in found
        )
        for name, rows in follower.rows.items()
    }


@pytest.mark.many
@pytest.mark.parametrize("seed", range(deep(8, quick=4)))
def test_what_replace_deletes_is_followed_row_by_row(
    pack: tuple[Schema, SourceMapping], tmp_path: Path, seed: int
) -> None:
    for case in range(20):
        random = Random(f"{seed} {case}")  # noqa: S311  no secret
        tables, path = tables_of(random), tmp_path / f"{case}.db"
        create(path, pack, tables.text)
        follower = read_anew(path, pack)
        assert follower.source.check() == ()
        is_logged = not follower.source.remarks()
        assert is_logged == tables.is_logged or WRITING in tables.text
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = off")
            connection.execute("PRAGMA foreign_keys = on")
            connection.execute(f"PRAGMA recursive_triggers = {random.choice(['on', 'off'])}")
            for _ in range(30):
                statements = write_some(connection, random)
                follower.look()
                assert followed(follower) == rows_of(connection), (tables.text, statements)
        assert follower.readings == 1
        assert "part" not in follower.whole, tables.text
        if is_logged and not tables.has_defaults:
            assert "item" not in follower.whole, tables.text
        follower.source.close()


def test_a_trigger_that_changes_the_row_of_an_update_costs_a_reading_of_all_rows(
    pack: tuple[Schema, SourceMapping], tmp_path: Path
) -> None:
    path = tmp_path / "facts.db"
    items = "CREATE TABLE items (id TEXT PRIMARY KEY, a, b, UNIQUE (a, b));"
    create(path, pack, f"{items} {PARTS.format('')} {WRITING}")
    follower = read_anew(path, pack)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO items VALUES ('1', 'x', 'x'), ('2', 'z', 'y')")
        connection.execute("UPDATE OR REPLACE items SET a = 'z' WHERE id = '1'")

        connection.commit()
        follower.look()

        assert followed(follower) == rows_of(connection)
    assert (follower.keys("item"), follower.whole) == ({"1"}, ["item"])
    follower.source.close()
