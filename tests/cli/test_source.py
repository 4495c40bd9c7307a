from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import main
from tests.facts.world import SCHEMA, mount


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    for name in ("policies", "fixtures"):
        (tmp_path / name).mkdir()
    (tmp_path / "fixtures" / "schema.yaml").write_text(SCHEMA)
    return tmp_path


def run(pack: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["source", *args, "--policies", str(pack / "policies")])


def prepared(pack: Path, change: str = "") -> str:
    path = pack / "facts.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(run(pack, "init", "sqlite").stdout + change)
    return f"sqlite:{path}"


def test_a_database_that_init_prepared_lacks_nothing(pack: Path) -> None:
    result = run(pack, "check", prepared(pack))

    assert (result.exit_code, result.stdout) == (0, "")
    assert "people: 0 rows" in result.stderr


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("DROP TABLE cards", "cards: cannot be read (no such table: cards); create it"),
        (
            "ALTER TABLE people RENAME COLUMN email TO mail",
            "people: has no column `email` for `person.email`; add it, or name another",
        ),
        (
            "DROP TRIGGER sidecar_card_cards_delete",
            "cards: has no trigger `sidecar_card_cards_delete` as `sidecar source init` prints it",
        ),
        ("DROP TABLE sidecar_log", "sidecar_log: is no table; run what `sidecar source init"),
        (
            "INSERT INTO people (id, email) VALUES ('ann', 'x')",
            "people: row `ann`: column `email`: its value is not an e-mail address",
        ),
    ],
)
def test_check_reports_what_is_wrong_by_table_and_column(
    pack: Path, change: str, line: str
) -> None:
    result = run(pack, "check", prepared(pack, change))

    assert result.exit_code == 1
    assert any(each.startswith(line) for each in result.stdout.splitlines()), result.stdout


def test_init_logs_the_unique_columns_that_it_finds_in_a_database(pack: Path) -> None:
    data = prepared(pack, "CREATE UNIQUE INDEX mails ON people (email)")
    before = run(pack, "check", data)
    with closing(sqlite3.connect(pack / "facts.db")) as connection:
        connection.executescript(run(pack, "init", data).stdout)
    after = run(pack, "check", data)

    assert before.exit_code == 1
    assert "people: has no trigger `sidecar_person_people_before_insert`" in before.stdout
    assert (after.exit_code, after.stdout) == (0, "")
    assert "note:" not in after.stderr


def test_unique_values_that_no_trigger_can_log_are_noted(pack: Path) -> None:
    result = run(pack, "check", prepared(pack, "CREATE UNIQUE INDEX m ON people (lower(email))"))

    assert (result.exit_code, result.stdout) == (0, "")
    assert "note: people: has unique values of `an expression`" in result.stderr


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("sqlite:none.db", "none.db: cannot be read: No such file"),
        ("postgresql://db/app", "is none of sqlite:PATH, sqlite and postgresql"),
        ("mysql", "`mysql` is none of sqlite:PATH, sqlite and postgresql"),
    ],
)
def test_init_refuses_a_database_that_it_cannot_prepare(
    pack: Path, database: str, message: str
) -> None:
    result = run(pack, "init", database)

    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_init_for_a_new_database_says_what_it_does_not_know(pack: Path) -> None:
    (pack / "fixtures" / "sources.yaml").write_text("person: {table: humans}\n")

    assert "write `sqlite:PATH`" in run(pack, "init", "sqlite").stderr


def test_init_creates_no_table_for_a_mapped_type(pack: Path) -> None:
    (pack / "fixtures" / "sources.yaml").write_text("person: {table: app.humans}\n")

    text = run(pack, "init", "postgresql", "--reader", "the reader", "--notify").stdout

    assert 'CREATE TABLE "people"' not in text
    assert 'AFTER TRUNCATE ON "app"."humans"' in text
    assert 'GRANT USAGE ON SCHEMA "app" TO "the reader";' in text
    assert "PERFORM pg_notify('sidecar', '');" in text


def test_the_mapping_may_stand_beside_a_pack_that_is_not_to_be_edited(pack: Path) -> None:
    (pack / "fixtures" / "sources.yaml").write_text("person: {table: others}\n")
    (pack / "mine.yaml").write_text("person: {table: humans}\n")

    text = run(pack, "init", "sqlite", "--sources", str(pack / "mine.yaml")).stdout
    missing = run(pack, "init", "sqlite", "--sources", str(pack / "none.yaml"))

    assert ('AFTER INSERT ON "humans"' in text, "others" in text) == (True, False)
    assert (missing.exit_code, "none.yaml" in missing.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("persn: {}", "the mapping has no member `persn`; did you mean `person`?"),
        ("person: {colums: {}}", "type `person` has no member `colums`"),
        ("person: {columns: {mail: m}}", "`columns` of type `person` has no member `mail`"),
        ("person: {without: [email]}", "type `person` cannot be without `email`"),
        ("person: {without: [mail]}", "type `person` has no attribute `mail`"),
        ("person: {table: a, select: SELECT 1}", "has a table and a SELECT; remove one"),
        ("person: {select: SELECT 1}", "has no `follow`; name the tables of its SELECT"),
        ("person: {table: a, follow: {a: [id]}}", "has no SELECT; remove `follow`"),
        ("seat: {select: SELECT 1; DROP, follow: {a: all}}", "has a `;`; write one SELECT"),
        ("seat: {select: SELECT 1, follow: {a: [id]}}", "does not name the key; write 2 columns"),
    ],
)
def test_a_fault_of_the_mapping_is_reported(pack: Path, text: str, message: str) -> None:
    (pack / "fixtures" / "sources.yaml").write_text(text)

    result = run(pack, "init", "sqlite")

    assert result.exit_code == 2
    assert message in result.stderr


def test_check_reads_a_directory(pack: Path) -> None:
    directory = mount(pack)

    assert run(pack, "check", str(directory)).exit_code == 0
    (directory / "people.yaml").write_text("- {id: ann}\n")
    assert "column `email` is missing" in run(pack, "check", str(directory)).stdout


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://reader:secret@db/app", "the URL holds a password"),
        ("postgresql://db/app?password=secret", "the URL holds a password"),
        ("postgresql://db/app?sslmode=require", "sslmode `require` does not verify the server"),
    ],
)
def test_an_address_that_is_not_safe_is_refused(pack: Path, url: str, message: str) -> None:
    result = run(pack, "check", url)

    assert result.exit_code == 2
    assert message in result.stderr
    assert "secret" not in result.stderr


def test_sqlite_has_no_roles(pack: Path) -> None:
    assert run(pack, "init", "sqlite", "--reader", "x").exit_code == 2
