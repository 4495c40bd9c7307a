from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.errors import SourceError
from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.facts.store.directory import StoreDirectory
from sidecar.facts.store.file import StoreFile
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


def test_a_published_store_is_not_older_than_the_one_that_it_replaces(
    tmp_path: Path, schema: Schema, source: SqliteSource
) -> None:
    stores, layout = StoreDirectory.claim(tmp_path / "store"), Layout.of(schema)
    built = build_store(stores, layout, source, 1, ())
    assert built.path is not None
    write(tmp_path, "DELETE FROM people WHERE mail = 'bob@a.example'")
    before = stores.newest(layout.digest)

    path, meta = publish_store(stores, built.path, layout, 7, source)

    store = StoreFile(path, layout)
    assert before is None
    assert set(StoredSnapshot(store).rows("person")) == {"ann@a.example"}
    assert (meta.number, stores.newest(layout.digest)) == (7, path)
    store.close()


def test_a_store_that_cannot_catch_up_is_not_published(
    tmp_path: Path, schema: Schema, source: SqliteSource
) -> None:
    stores, layout = StoreDirectory.claim(tmp_path / "store"), Layout.of(schema)
    built = build_store(stores, layout, source, 1, ())
    assert built.path is not None
    write(tmp_path, "DROP TRIGGER sidecar_person_people_delete; DELETE FROM people")

    with pytest.raises(SourceError, match="read again"):
        publish_store(stores, built.path, layout, 7, source)

    assert stores.newest(layout.digest) is None
