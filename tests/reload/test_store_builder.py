from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from sidecar.errors import SourceError
from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.facts.store.directory import StoreDirectory
from sidecar.facts.store.file import Meta, StoreFile
from sidecar.facts.store.layout import Layout
from sidecar.facts.store.snapshot import StoredSnapshot
from sidecar.reload.store_builder import build_store, publish_store
from sidecar.schema import Schema, read_schema

SCHEMA = """
types:
  person: {subject: true, table: people, key: mail, attributes: {mail: email}}
"""


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA)
    return read_schema(path)


@pytest.fixture
def source(tmp_path: Path, schema: Schema) -> SqliteSource:
    write(tmp_path, sqlite_ddl(schema, default_mapping(schema)))
    write(tmp_path, "INSERT INTO people VALUES ('ann@a.example'), ('bob@a.example')")
    return SqliteSource(tmp_path / "facts.db", schema, default_mapping(schema))


def write(root: Path, statements: str) -> None:
    with closing(sqlite3.connect(root / "facts.db")) as connection:
        connection.executescript(statements)


def content(path: Path, layout: Layout) -> Meta:
    """Return what a store holds."""
    store = StoreFile(path, layout)
    meta = StoredSnapshot(store).meta
    store.close()
    return meta


def test_a_published_store_is_not_older_than_the_one_that_it_replaces(
    tmp_path: Path, schema: Schema, source: SqliteSource
) -> None:
    stores, layout = StoreDirectory.claim(tmp_path / "store"), Layout.of(schema)
    built = build_store(stores, layout, source, 1, None)
    assert built.path is not None
    replaced = content(built.path, layout)
    write(tmp_path, "DELETE FROM people WHERE mail = 'bob@a.example'")
    before = stores.newest(layout.digest)

    path, meta = publish_store(stores, built.path, layout, 7, source, replaced)

    store = StoreFile(path, layout)
    assert before is None
    assert meta.contains(replaced.revision)
    assert set(StoredSnapshot(store).rows("person")) == {"ann@a.example"}
    assert (meta.number, stores.newest(layout.digest)) == (7, path)
    store.close()


def test_a_store_that_cannot_catch_up_is_not_published(
    tmp_path: Path, schema: Schema, source: SqliteSource
) -> None:
    stores, layout = StoreDirectory.claim(tmp_path / "store"), Layout.of(schema)
    built = build_store(stores, layout, source, 1, None)
    assert built.path is not None
    write(tmp_path, "DROP TRIGGER sidecar_person_people_delete; DELETE FROM people")

    with pytest.raises(SourceError, match="read again"):
        publish_store(stores, built.path, layout, 7, source, content(built.path, layout))

    assert stores.newest(layout.digest) is None


def rebuilt(stores: StoreDirectory, layout: Layout, source: SqliteSource, replaced: Meta) -> Meta:
    """Return the content of a store that is built after another one."""
    built = build_store(stores, layout, source, replaced.number + 5, replaced)
    assert built.path is not None
    return content(built.path, layout)


def test_a_store_built_anew_contains_the_revisions_before_it_and_none_behind_them(
    tmp_path: Path, schema: Schema, source: SqliteSource
) -> None:
    stores, layout = StoreDirectory.claim(tmp_path / "store"), Layout.of(schema)
    first = build_store(stores, layout, source, 8, None)
    assert first.path is not None
    old = content(first.path, layout)
    write(tmp_path, "CREATE TABLE other (n)")

    new = rebuilt(stores, layout, source, old)

    assert new.contains(new.revision)
    assert new.contains(old.revision)
    assert new.contains(replace(old, number=7).revision)
    assert not new.contains(replace(old, number=9).revision), "it was lost, or never was"
    assert not new.contains(replace(new, number=new.number + 1).revision)
    assert rebuilt(stores, layout, source, new).contains(old.revision)


def test_a_restored_backup_contains_no_revision_from_before(
    tmp_path: Path, schema: Schema, source: SqliteSource
) -> None:
    stores, layout = StoreDirectory.claim(tmp_path / "store"), Layout.of(schema)
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(tmp_path / "facts.db")) as facts:
        facts.execute("VACUUM INTO ?", (str(backup),))
    write(tmp_path, "DELETE FROM people WHERE mail = 'bob@a.example'")
    first = build_store(stores, layout, source, 8, None)
    assert first.path is not None
    old = content(first.path, layout)
    backup.replace(tmp_path / "facts.db")
    write(tmp_path, "DELETE FROM people WHERE mail = 'ann@a.example'")

    new = rebuilt(stores, layout, source, old)

    assert not new.contains(old.revision)
    assert new.contains(new.revision)
