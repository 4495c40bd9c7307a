"""The follower, step by step: how often it looks at a source."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.source import HasFileno
from sidecar.facts.sources.sqlite import SqliteSource
from sidecar.facts.sources.sqlite_ddl import sqlite_ddl
from sidecar.facts.store.directory import StoreDirectory
from sidecar.reload import Follower, SharedLooks
from sidecar.reload.packs import Packs
from sidecar.reload.sources import PackDirectories
from sidecar.reload.wakeup import Wakeup
from sidecar.watch import elapsed
from tests.e2e.running import until
from tests.small_pack import put_pack

SCHEMA = """
types:
  person:
    subject: true
    table: people
    key: id
    attributes: {id: string}
    actions: {greet: {}}
"""
RULES = 'allow(_: Person, _: Action{name: "greet"}, _: Person);\n'
INTERVAL = 0.1


class Impatient(SqliteSource):
    """A source that does not wait, and records for how long it should have."""

    rest = 0.0

    def wait(self, seconds: float, _: HasFileno) -> None:
        self.rest = seconds


@pytest.fixture
def packs(tmp_path: Path) -> Packs:
    return Packs(PackDirectories(*put_pack(tmp_path, RULES, SCHEMA)), lambda _: None, elapsed)


def test_calls_that_lead_to_no_change_do_not_hurry_the_looks(tmp_path: Path, packs: Packs) -> None:
    """Some wait for a revision that never comes; a change brings the short pause back."""
    schema = packs.read_first().policy.schema
    mapping, database = default_mapping(schema), tmp_path / "facts.db"
    execute(database, sqlite_ddl(schema, mapping))
    source = Impatient(database, schema, mapping)
    looks, wakeup = SharedLooks(), Wakeup()
    stores = StoreDirectory.claim(tmp_path / "store")
    follower = Follower(packs, stores, lambda _: source, looks)

    def pause_of_a_call() -> float:
        follower.step()
        wakeup.call()
        follower.wait(INTERVAL, wakeup)
        return round(INTERVAL - source.rest, 3)

    def has_read() -> int:
        follower.step()
        return looks.word()

    until(has_read)
    fruitless = [pause_of_a_call() for _ in range(6)]
    execute(database, "INSERT INTO people VALUES ('bob')")
    after_a_change = pause_of_a_call()
    follower.wait(INTERVAL, wakeup)
    without_a_call = pause_of_a_call()
    follower.close()

    assert fruitless == [0.01, 0.02, 0.04, 0.08, 0.1, 0.1]
    assert (after_a_change, without_a_call) == (0.01, 0.01)


def execute(database: Path, statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(statements)
