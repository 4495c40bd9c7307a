from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sidecar.errors import InvalidSnapshotError, SourceError
from sidecar.facts import MountFaults, build, read_directory
from sidecar.facts.sources import LookState, Position, SourceMapping
from sidecar.facts.sources.mapping import MappingFile, default_mapping, read_mapping
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.schema import Schema
from tests.facts.following import Follower
from tests.facts.world import mount

ROWS = """
INSERT INTO people VALUES ('ann', 'Ann@Acme.example', 'bob', 'gone', NULL);
INSERT INTO people VALUES ('bob', 'bob@acme.example', NULL, NULL, NULL);
INSERT INTO people VALUES ('cy', 'cy@acme.example', 'bob', NULL, 8);
INSERT INTO teams VALUES ('core', 'ann', '750.00', 1, '["Acme.example"]', '["edge"]');
INSERT INTO teams (id, founder) VALUES ('edge', 'bob');
INSERT INTO seats VALUES ('bob', 'core', 'helper', 'held', NULL);
INSERT INTO seats VALUES ('cy', 'edge', 'none', 'left', NULL);
INSERT INTO cards VALUES ('ann');
"""


def create(path: Path, ddl: str, rows: str = ROWS, mode: str = "wal") -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"PRAGMA synchronous = off; PRAGMA journal_mode = {mode};\n{ddl}\n{rows}"
        )
    return path


def create_own(path: Path, tables: str, schema: Schema, mapping: SourceMapping) -> Path:
    """Create a database with tables of its own, and its change log as `init` prints it for it."""
    create(path, tables, "")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sqlite_ddl(schema, mapping, connection))
    return path


def write(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA synchronous = off; {statement}")


@pytest.fixture(scope="module")
def ddl(schema: Schema) -> str:
    return sqlite_ddl(schema, default_mapping(schema))


@pytest.fixture(params=["wal", "delete"])
def database(tmp_path: Path, ddl: str, request: pytest.FixtureRequest) -> Path:
    return create(tmp_path / "facts.db", ddl, mode=request.param)


@pytest.fixture
def follower(database: Path, schema: Schema) -> Iterator[Follower]:
    source = SqliteSource(database, schema, default_mapping(schema))
    follower = Follower(source, schema)
    follower.look()
    yield follower
    source.close()


def test_a_database_holds_the_facts_of_a_mount(
    follower: Follower, schema: Schema, tmp_path: Path
) -> None:
    of_files, of_database = read_directory(schema, mount(tmp_path)), follower.snapshot()

    for name in schema.types:
        assert of_database.rows(name) == of_files.rows(name)


@pytest.mark.parametrize(
    ("statement", "name", "keys"),
    [
        ("INSERT INTO cards VALUES ('bob')", "card", {"ann", "bob"}),
        ("INSERT OR REPLACE INTO cards VALUES ('ann')", "card", {"ann"}),
        ("DELETE FROM cards", "card", set()),
        ("UPDATE cards SET person = 'cy'", "card", {"cy"}),
        ("UPDATE seats SET team = 'edge'", "seat", {("bob", "edge"), ("cy", "edge")}),
        (
            "INSERT INTO cards VALUES ('bob'); DELETE FROM cards WHERE person = 'ann'",
            "card",
            {"bob"},
        ),
    ],
)
def test_changes_are_followed_without_reading_anew(
    follower: Follower, database: Path, statement: str, name: str, keys: set[object]
) -> None:
    write(database, f"BEGIN; {statement}; COMMIT")

    assert follower.look() is LookState.CHANGED
    assert follower.keys(name) == keys
    assert follower.readings == 1
    assert follower.look() is LookState.UNCHANGED


def test_all_rows_of_a_key_come_with_its_change(follower: Follower, database: Path) -> None:
    write(database, "INSERT INTO seats VALUES ('bob', 'core', 'none', 'left', NULL)")

    follower.look()

    assert follower.snapshot().rows("seat")["bob", "core"][2] == "helper"
    assert len(follower.rows["seat"]["bob", "core"]) == 2


def test_a_write_to_another_table_is_no_change(follower: Follower, database: Path) -> None:
    write(database, "CREATE TABLE IF NOT EXISTS other (n)")
    follower.look()
    readings = follower.readings

    write(database, "INSERT INTO other VALUES (1)")

    assert follower.look() is LookState.UNCHANGED
    assert follower.readings == readings


def test_a_rolled_back_transaction_is_no_change(follower: Follower, database: Path) -> None:
    write(database, "BEGIN; DELETE FROM cards; ROLLBACK")

    assert follower.look() is LookState.UNCHANGED


def test_a_sidecar_that_was_away_catches_up(
    follower: Follower, database: Path, schema: Schema
) -> None:
    assert follower.position is not None
    stored = follower.position.text()
    write(database, "INSERT INTO cards VALUES ('cy')")
    other = Follower(SqliteSource(database, schema, default_mapping(schema)), schema)
    other.rows, other.position = follower.rows, Position.parse(stored)

    other.look()

    assert other.keys("card") == {"ann", "cy"}
    assert other.readings == 0


def test_a_replaced_file_is_read_anew(follower: Follower, database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    write(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript("DROP TRIGGER sidecar_card_cards_delete; DELETE FROM cards")
    copy.replace(database)

    follower.look()

    assert follower.keys("card") == set()
    assert follower.readings == 2


def test_a_restored_backup_is_read_anew(follower: Follower, database: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    write(database, "INSERT INTO cards VALUES ('bob')")
    follower.look()
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)
    write(database, "INSERT INTO cards VALUES ('cy')")

    follower.look()

    assert follower.keys("card") == {"ann", "cy"}
    assert follower.readings == 2


def test_a_pruned_log_is_caught_up_by_reading_anew(follower: Follower, database: Path) -> None:
    write(database, "INSERT INTO cards VALUES ('bob')")
    write(database, "DELETE FROM sidecar_log WHERE id < (SELECT max(id) FROM sidecar_log)")

    follower.look()

    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 2


def test_a_pruned_log_whose_last_row_is_known_is_followed(
    follower: Follower, database: Path
) -> None:
    write(database, "DELETE FROM sidecar_log WHERE id < (SELECT max(id) FROM sidecar_log)")
    write(database, "INSERT INTO cards VALUES ('bob')")

    follower.look()

    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 1


@pytest.mark.parametrize(
    "statement",
    ["DROP TRIGGER sidecar_card_cards_insert", "DROP TABLE cards"],
)
def test_without_a_complete_log_every_commit_is_read(
    follower: Follower, database: Path, statement: str
) -> None:
    write(database, statement)
    write(database, "CREATE TABLE IF NOT EXISTS cards (person)")
    follower.look()
    write(database, "INSERT INTO cards VALUES ('bob')")

    assert follower.look() is LookState.CHANGED
    assert "bob" in follower.keys("card")
    assert follower.look() is LookState.UNCHANGED


@pytest.mark.parametrize(
    ("unique", "statement"),
    [
        ("email", "REPLACE INTO people (id, email) VALUES ('eve', 'cy@acme.example')"),
        ("lower(email)", "REPLACE INTO people (id, email) VALUES ('eve', 'CY@acme.example')"),
    ],
)
def test_rows_are_read_anew_while_what_replace_deletes_is_not_logged(
    follower: Follower, database: Path, unique: str, statement: str
) -> None:
    write(database, f"CREATE UNIQUE INDEX mail ON people ({unique})")
    follower.look()
    readings = follower.readings

    write(database, "DELETE FROM cards")
    follower.look()
    of_others = list(follower.whole)
    write(database, statement)
    follower.look()

    assert follower.keys("person") == {"ann", "bob", "eve"}
    assert (of_others, follower.whole, follower.readings) == ([], ["person"], readings)


def test_a_log_of_before_replace_was_logged_is_found_wanting(
    follower: Follower, database: Path
) -> None:
    write(database, "DROP TRIGGER sidecar_person_people_before_insert")
    follower.look()

    write(database, "REPLACE INTO people (rowid, id, email) VALUES (3, 'eve', 'e@acme.example')")
    follower.look()

    (problem,) = follower.source.check()
    assert (problem.file, follower.whole) == ("people", ["person"])
    assert "no trigger `sidecar_person_people_before_insert`" in problem.message
    assert follower.keys("person") == {"ann", "bob", "eve"}


@pytest.mark.parametrize("call", ["RAISE(IGNORE)", "raise /* to no one */ (\n ignore )"])
def test_every_commit_is_read_while_a_trigger_silences_those_of_the_log(
    follower: Follower, database: Path, call: str
) -> None:
    write(database, f"CREATE TRIGGER [before all] AFTER UPDATE ON People BEGIN SELECT {call}; END")
    follower.look()

    write(database, "UPDATE people SET email = 'new@acme.example' WHERE id = 'ann'")
    follower.look()

    (problem,) = follower.source.check()
    assert follower.snapshot().rows("person")["ann"][1] == "new@acme.example"
    assert (problem.file, "`before all`" in problem.message) == ("people", True)


def test_a_trigger_that_prevents_a_change_silences_no_log(
    follower: Follower, database: Path
) -> None:
    write(
        database,
        "CREATE TRIGGER keep BEFORE DELETE ON people BEGIN SELECT RAISE(IGNORE); END",
    )
    follower.look()
    readings = follower.readings

    write(database, "DELETE FROM people")
    write(database, "UPDATE people SET email = 'new@acme.example' WHERE id = 'ann'")
    follower.look()

    assert follower.snapshot().rows("person")["ann"][1] == "new@acme.example"
    assert (follower.readings, list(follower.source.check())) == (readings, [])


def test_triggers_are_made_for_the_unique_indexes_that_a_database_has(
    follower: Follower, database: Path, schema: Schema
) -> None:
    write(database, "CREATE UNIQUE INDEX mail ON people (email)")
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(sqlite_ddl(schema, default_mapping(schema), connection))
    follower.look()

    write(database, "REPLACE INTO people (id, email) VALUES ('eve', 'cy@acme.example')")
    follower.look()

    assert follower.keys("person") == {"ann", "bob", "eve"}
    assert (follower.source.check(), follower.source.remarks(), follower.whole) == ((), (), [])


def test_a_source_with_another_mapping_does_not_go_on_from_the_rows_of_the_first(
    schema: Schema, tmp_path: Path
) -> None:
    path = create(tmp_path / "facts.db", sqlite_ddl(schema, default_mapping(schema)), ROWS)
    write(path, "ALTER TABLE people ADD COLUMN work TEXT DEFAULT 'new@acme.example'")
    follower = Follower(SqliteSource(path, schema, default_mapping(schema)), schema)
    follower.look()
    (tmp_path / "sources.yaml").write_text("person: {columns: {email: work}}\n")

    mapping = read_mapping(MappingFile(tmp_path / "sources.yaml"), schema)
    follower.source = SqliteSource(path, schema, mapping)
    follower.look()

    emails = {str(row["email"]) for (row,) in follower.rows["person"].values()}
    assert emails == {"new@acme.example"}


def test_a_row_that_replace_deletes_by_its_number_is_gone(schema: Schema, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("card: {table: numbered}\n")
    mapping = read_mapping(MappingFile(tmp_path / "sources.yaml"), schema)
    table = "CREATE TABLE numbered (n INTEGER PRIMARY KEY, person TEXT UNIQUE);"
    path = create_own(tmp_path / "facts.db", table, schema, mapping)
    write(path, "INSERT INTO numbered VALUES (1, 'ann')")
    source = SqliteSource(path, schema, mapping)
    follower = Follower(source, schema)
    follower.look()

    write(path, "REPLACE INTO numbered VALUES (1, 'bob')")
    follower.look()

    assert follower.keys("card") == {"bob"}
    assert (source.check(), source.remarks(), follower.whole) == ((), (), [])


def test_a_row_that_replace_deletes_by_the_collation_of_its_key_is_gone(
    schema: Schema, tmp_path: Path
) -> None:
    (tmp_path / "sources.yaml").write_text("card: {table: folded}\n")
    mapping = read_mapping(MappingFile(tmp_path / "sources.yaml"), schema)
    table = "CREATE TABLE folded (person TEXT PRIMARY KEY COLLATE NOCASE);"
    path = create_own(tmp_path / "facts.db", table, schema, mapping)
    write(path, "INSERT INTO folded VALUES ('ann')")
    follower = Follower(SqliteSource(path, schema, mapping), schema)
    follower.look()

    write(path, "REPLACE INTO folded VALUES ('ANN')")
    follower.look()

    assert (follower.keys("card"), follower.whole) == ({"ANN"}, [])


def test_a_key_that_a_select_computes_from_an_integer_is_followed(
    schema: Schema, tmp_path: Path
) -> None:
    (tmp_path / "sources.yaml").write_text(
        "card: {select: SELECT n || '' AS person FROM numbered, follow: {numbered: [n]}}\n"
    )
    mapping = read_mapping(MappingFile(tmp_path / "sources.yaml"), schema)
    table = "CREATE TABLE numbered (n INTEGER PRIMARY KEY);"
    path = create_own(tmp_path / "facts.db", table, schema, mapping)
    follower = Follower(SqliteSource(path, schema, mapping), schema)
    follower.look()

    write(path, "INSERT INTO numbered VALUES (5)")
    follower.look()

    assert follower.keys("card") == {"5"}
    assert follower.readings == 1


def test_an_emptied_log_is_as_good_as_none(follower: Follower, database: Path) -> None:
    write(database, "INSERT INTO cards VALUES ('bob'); DELETE FROM sidecar_log")
    follower.look()
    without = follower.keys("card")

    write(database, "INSERT INTO cards VALUES ('cy')")
    follower.look()

    assert without == {"ann", "bob"}
    assert follower.keys("card") == {"ann", "bob", "cy"}


def test_a_unique_index_that_holds_the_key_is_followed(follower: Follower, database: Path) -> None:
    write(database, "CREATE UNIQUE INDEX wider ON people (ID, email)")
    follower.look()
    readings = follower.readings

    write(database, "REPLACE INTO people (id, email) VALUES ('cy', 'cy@acme.example')")
    follower.look()

    assert follower.readings == readings


def test_the_token_of_a_writer_is_reached_with_its_change(
    follower: Follower, database: Path
) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO cards VALUES ('bob')")
        (token,) = connection.execute("SELECT token FROM sidecar_position").fetchone()
        connection.execute("COMMIT")
    assert follower.position is not None
    assert not follower.position.reached(token)

    follower.look()

    assert follower.position.reached(token)
    assert "bob" in follower.keys("card")


def test_a_renamed_column_is_an_error_and_never_a_text(follower: Follower, database: Path) -> None:
    write(database, "ALTER TABLE people RENAME COLUMN email TO mail")

    with pytest.raises(SourceError, match=r"facts\.db: people: cannot be read: no such column"):
        follower.look()
    write(database, "ALTER TABLE people RENAME COLUMN mail TO email")
    assert follower.look() is LookState.CHANGED


def test_a_lost_file_completes_no_look_and_comes_back(follower: Follower, database: Path) -> None:
    aside = database.with_name("aside")
    write(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    database.rename(aside)
    with pytest.raises(SourceError, match="No such file or directory"):
        follower.look()

    aside.rename(database)

    follower.look()
    assert follower.keys("card") == {"ann"}


@pytest.mark.parametrize("content", [b"", b"not a database, and long enough for a header" * 9])
def test_a_file_that_is_no_database_of_facts_is_reported(
    schema: Schema, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "facts.db"
    path.write_bytes(content)
    follower = Follower(SqliteSource(path, schema, default_mapping(schema)), schema)

    with pytest.raises(SourceError, match=r"cannot be read: (no such table|file is not)"):
        follower.look()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE people SET email = 'x' WHERE id = 'cy'", "row `cy`: column `email`: its value"),
        ("UPDATE seats SET role = 'none' || char(7)", "row `bob/core`: column `role`: `none\\x07`"),
        ("UPDATE teams SET founder = 'zz' WHERE id = 'edge'", "row `edge`: column `founder`: per"),
        ("UPDATE teams SET open = 'yes' WHERE id = 'edge'", "`yes` is not a boolean"),
        ("UPDATE teams SET open = 2 WHERE id = 'edge'", "`2` is not a boolean"),
        ("UPDATE teams SET domains = 'a' WHERE id = 'edge'", "is no set of domain; write a list"),
        ("UPDATE teams SET domains = '[[1]]' WHERE id = 'edge'", "column `domains` is nested"),
        ("UPDATE people SET email = x'00' WHERE id = 'cy'", "column `email` is binary"),
        ("UPDATE people SET lead = 1.5 WHERE id = 'cy'", "row `cy`: column `lead`"),
        ("INSERT INTO notes VALUES ('n', 'none', NULL, NULL, 5)", "`5` is not an instant"),
        ("INSERT INTO notes VALUES ('n', 'none', NULL, NULL, '2026-01-01')", "not an instant"),
        ("INSERT INTO seats VALUES ('bob', 'core', 'none', 'held', NULL)", "is repeated"),
    ],
)
def test_a_fault_names_table_and_key(
    database: Path, schema: Schema, statement: str, message: str
) -> None:
    write(database, f"PRAGMA ignore_check_constraints = 1; DROP INDEX seats_current; {statement}")
    source, faults = SqliteSource(database, schema, default_mapping(schema)), MountFaults()

    with source.read(faults) as reading, pytest.raises(InvalidSnapshotError) as refused:
        build(schema, reading.tables, faults)

    assert message in str(refused.value)
    source.close()


def test_integers_are_ids_and_sizes_are_exact(schema: Schema, tmp_path: Path) -> None:
    rows = """
    INSERT INTO people (id, email) VALUES (7, 'a@x.example');
    INSERT INTO teams (id, founder, fee) VALUES (8, '7', '0.1000000000000000000001');
    """
    ddl = sqlite_ddl(schema, default_mapping(schema)).replace('"id" TEXT', '"id" INTEGER')
    path = create(tmp_path / "facts.db", ddl, rows)
    follower = Follower(SqliteSource(path, schema, default_mapping(schema)), schema)
    follower.look()
    write(path, "UPDATE people SET email = 'b@x.example'")
    follower.look()

    assert follower.snapshot().rows("person")["7"][1] == "b@x.example"
    assert str(follower.snapshot().rows("team")["8"][2]) == "0.1000000000000000000001"
    assert follower.readings == 1


def test_tables_of_ones_own_serve_by_a_mapping(schema: Schema, tmp_path: Path) -> None:
    (tmp_path / "fixtures").mkdir()
    file = tmp_path / "fixtures" / "sources.yaml"
    file.write_text(
        dedent("""
        person:
          select: SELECT p.id AS pk, m.address AS mail FROM humans p JOIN mails m USING (id)
          columns: {id: pk, email: mail}
          without: [lead, home, badge]
          follow: {humans: [id], mails: [id]}
        team:
          table: groups
          columns: {founder: owner_id}
          without: [fee, open, domains, friends]
        """)
    )
    mapping = read_mapping(MappingFile(file), schema)
    own = """
    CREATE TABLE humans (id TEXT PRIMARY KEY);
    CREATE TABLE mails (id TEXT, address TEXT);
    CREATE TABLE groups (id TEXT PRIMARY KEY, owner_id TEXT);
    """
    rows = """
    INSERT INTO humans VALUES ('ann');
    INSERT INTO mails VALUES ('ann', 'a@x.example');
    INSERT INTO groups VALUES ('core', 'ann');
    """
    path = create_own(tmp_path / "facts.db", own, schema, mapping)
    write(path, rows)
    follower = Follower(SqliteSource(path, schema, mapping), schema)
    follower.look()

    write(path, "UPDATE mails SET address = 'b@x.example'; DELETE FROM groups")
    follower.look()

    assert follower.snapshot().rows("person") == {"ann": ("ann", "b@x.example", None, None, None)}
    assert follower.keys("team") == set()
    assert follower.readings == 1


def read_cards(schema: Schema, path: Path, answers: Connection) -> None:
    """Send the ids of the cards, as a user who may write nothing, for each message."""
    if os.getuid() == 0:
        os.setuid(65534)
    source = SqliteSource(path, schema, default_mapping(schema))
    while answers.recv():
        try:
            with source.read(MountFaults()) as reading:
                rows = list(reading.tables["card"].rows)
            answers.send(sorted(str(cells["person"]) for _, cells in rows))
        except SourceError as error:
            answers.send(str(error))


@pytest.fixture
def shared(ddl: str) -> Iterator[Path]:
    """A directory that another user can read, and not write."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    create(directory / "facts.db", ddl)
    yield directory
    shutil.rmtree(directory)


def test_a_read_only_mount_is_read_with_its_log_or_not_at_all(schema: Schema, shared: Path) -> None:
    """A database in WAL mode, by a user who may create neither `-wal` nor `-shm`."""
    path, (here, there) = shared / "facts.db", Pipe()
    reader = get_context("fork").Process(target=read_cards, args=(schema, path, there), daemon=True)
    reader.start()

    def read() -> object:
        here.send(True)  # noqa: FBT003 - go on
        assert here.poll(20)
        return here.recv()

    assert read() == ["ann"]
    write(path, "INSERT INTO cards VALUES ('bob')")
    assert read() == ["ann", "bob"]
    with closing(sqlite3.connect(path)) as writer:
        writer.executescript("INSERT INTO cards VALUES ('cy')")
        path.with_name("facts.db-shm").chmod(0o600)
        assert "facts.db: cannot be read: " in str(read())
        path.with_name("facts.db-shm").chmod(0o644)
        assert read() == ["ann", "bob", "cy"]
    here.send(False)  # noqa: FBT003 - stop
    reader.join()


STATEMENTS = st.sampled_from(
    [
        "INSERT OR IGNORE INTO cards VALUES ('ann')",
        "INSERT OR REPLACE INTO cards VALUES ('bob')",
        "INSERT OR REPLACE INTO cards SELECT id FROM people",
        "DELETE FROM cards WHERE person = 'ann'",
        "DELETE FROM cards",
        "UPDATE OR REPLACE cards SET person = 'cy'",
        "UPDATE OR IGNORE cards SET person = 'ann' WHERE person = 'bob'",
        "UPDATE seats SET state = 'left'",
        "INSERT INTO seats VALUES ('bob', 'core', 'none', 'left', 'ann')",
        "DELETE FROM seats WHERE rowid = (SELECT max(rowid) FROM seats)",
        "UPDATE seats SET person = 'ann' WHERE person = 'bob'",
        "ROLLBACK; BEGIN",
        "COMMIT; BEGIN",
        "VACUUM_OUTSIDE",
    ]
)


@hypothesis_settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(STATEMENTS, max_size=4), max_size=4))
def test_following_any_history_leads_to_what_is_read_anew(
    schema: Schema, ddl: str, tmp_path: Path, history: list[list[str]]
) -> None:
    path = tmp_path / "facts.db"
    path.unlink(missing_ok=True)
    create(path, ddl, mode="delete")
    follower = Follower(SqliteSource(path, schema, default_mapping(schema)), schema)
    follower.look()
    for statements in history:
        inside = [each for each in statements if each != "VACUUM_OUTSIDE"]
        write(path, "; ".join(["BEGIN", *inside, "COMMIT"]))
        if len(inside) < len(statements):
            write(path, "VACUUM")
        follower.look()
    other = Follower(SqliteSource(path, schema, default_mapping(schema)), schema)
    other.look()

    assert follower.rows == other.rows
    follower.source.close()
    other.source.close()
