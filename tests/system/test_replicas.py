"""Facts that are read from a streaming replica of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread

import pytest

from sidecar.errors import SourceError
from sidecar.facts.sources import LookState
from sidecar.schema import Schema
from tests.e2e.running import copy_pack, until
from tests.facts.following import Follower
from tests.system.demo import becomes, fill, following, reasons, revision, set_role
from tests.system.postgres import Server, temporary_server
from tests.system.test_postgresql import Database, failure, prepare, recovers, schema

__all__ = ["schema"]


@pytest.fixture
def pair(schema: Schema) -> Iterator[tuple[Server, Server]]:
    """A primary with the prepared database, and a replica."""
    with temporary_server() as primary, temporary_server() as replica:
        prepare(primary, schema)
        replica.copy(primary)
        yield primary, replica


@pytest.fixture
def database(pair: tuple[Server, Server], schema: Schema, tmp_path: Path) -> Iterator[Database]:
    database = Database(pair[0], "facts", schema, tmp_path / "password")
    yield database
    database.close()


def token(database: Database, statement: str) -> str:
    """Run a statement in a transaction; return its token."""
    with database.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(statement.encode())
        row = connection.execute("SELECT sidecar.position()").fetchone()
        connection.execute("COMMIT")
    assert row is not None
    return str(row[0])


def takes(follower: Follower, token: str) -> bool:
    """Look; return whether the transaction of a token is contained."""
    if failure(follower):
        return False
    assert follower.position is not None
    return follower.position.reached(token)


def test_a_replica_is_followed_as_its_primary_is(
    pair: tuple[Server, Server], database: Database
) -> None:
    _, replica = pair
    follower = database.follower(replica.port)
    follower.look()
    for statement in (
        "INSERT INTO cards VALUES ('bob')",
        "DELETE FROM cards WHERE person = 'ann'",
        "TRUNCATE cards; INSERT INTO cards VALUES ('cy')",
        "UPDATE seats SET team = 'edge'",
    ):
        written = token(database, statement)
        until(lambda written=written: takes(follower, written))  # type: ignore[misc]

    other = database.follower()
    other.look()
    assert follower.rows == other.rows
    assert follower.readings == 1
    assert follower.look() is LookState.UNCHANGED


def test_a_transaction_that_is_open_hides_nothing_and_is_not_missed(
    pair: tuple[Server, Server], database: Database
) -> None:
    """To the replica's own snapshot a running transaction seems to be over."""
    primary, replica = pair
    follower = database.follower(replica.port)
    follower.look()
    with database.connect() as early, primary.connect() as other:
        other.execute("BEGIN; CREATE TABLE held (n int)")
        early.execute("BEGIN; SAVEPOINT a; INSERT INTO cards VALUES ('bob'); RELEASE a")
        row = early.execute("SELECT sidecar.position()").fetchone()
        late = token(database, "INSERT INTO cards VALUES ('cy')")
        until(lambda: takes(follower, late))
        assert follower.keys("card") == {"ann", "cy"}
        assert row is not None
        assert not takes(follower, str(row[0]))

        early.execute("PREPARE TRANSACTION 'p'")
        idle = token(database, "SELECT 1")
        until(lambda: takes(follower, idle))
        assert follower.keys("card") == {"ann", "cy"}
        database.execute("COMMIT PREPARED 'p'")

        until(lambda: takes(follower, str(row[0])))
        assert follower.keys("card") == {"ann", "bob", "cy"}
        other.execute("ROLLBACK")
    assert follower.readings == 1


def test_no_commit_of_concurrent_writers_is_missed_by_a_follower_of_a_replica(
    pair: tuple[Server, Server], database: Database
) -> None:
    _, replica = pair
    follower = database.follower(replica.port)
    follower.look()
    stop = Event()

    def write(number: int) -> None:
        dice = Random(number)  # noqa: S311  not a secret
        with database.connect() as connection:
            for step in count():
                if stop.is_set():
                    return
                key = f"w{number}-{step % 7}"
                end = dice.choice(["COMMIT", "COMMIT", "COMMIT", "ROLLBACK"])
                connection.execute(
                    f"BEGIN; SAVEPOINT a; INSERT INTO people VALUES ('{key}', 'a@x.example')"
                    " ON CONFLICT (id) DO UPDATE SET email = 'b@x.example'; RELEASE a;"
                    f" DELETE FROM people WHERE id = 'w{number}-{(step + 3) % 7}';"
                    f" SELECT pg_sleep({dice.choice([0, 0, 2, 30])} / 1000.0); {end}".encode()
                )

    writers = [Thread(target=write, args=(number,)) for number in range(5)]
    for writer in writers:
        writer.start()
    for _ in range(200):
        follower.look()
    stop.set()
    for writer in writers:
        writer.join()
    last = token(database, "SELECT 1")
    until(lambda: takes(follower, last))
    other = database.follower()
    other.look()

    assert follower.rows == other.rows
    assert follower.readings == 1


def test_a_replica_that_lags_says_so(pair: tuple[Server, Server], database: Database) -> None:
    _, replica = pair
    source = database.follower(replica.port).source
    replica.execute("SELECT pg_wal_replay_pause()")
    database.execute("INSERT INTO cards VALUES ('bob')")

    until(lambda: source.look(None).lag > 1.0)

    replica.execute("SELECT pg_wal_replay_resume()")
    until(lambda: source.look(None).lag < 1.0)
    assert database.follower().source.look(None).lag == 0.0


def test_facts_never_become_older_where_another_server_answers(
    pair: tuple[Server, Server], database: Database
) -> None:
    """A replica that lags takes the place of the primary, and is waited for."""
    primary, replica = pair
    follower = database.follower(primary.port, replica.port, options="&target_session_attrs=any")
    follower.look()
    replica.execute("SELECT pg_wal_replay_pause()")
    written = token(database, "DELETE FROM cards")
    follower.look()
    assert follower.keys("card") == set()
    sent = "SELECT sent_lsn = pg_current_wal_lsn() FROM pg_stat_replication"
    until(lambda: primary.execute(sent) == [(True,)])

    primary.stop("immediate")

    until(lambda: "is behind what has been read" in failure(follower))
    with pytest.raises(SourceError, match="is behind"):
        follower.look()
    assert follower.keys("card") == set()
    replica.execute("SELECT pg_wal_replay_resume()")
    until(lambda: recovers(follower))
    assert follower.keys("card") == set()
    assert follower.readings == 1
    assert takes(follower, written)


def test_a_primary_that_was_replaced_is_not_followed_back(
    pair: tuple[Server, Server], database: Database
) -> None:
    primary, replica = pair
    follower = database.follower(replica.port, primary.port)
    follower.look()
    primary.stop("immediate")
    replica.promote()
    until(lambda: recovers(follower))
    assert follower.readings == 2
    replica.execute("DELETE FROM cards", "facts")
    follower.look()
    assert follower.keys("card") == set()

    replica.stop("immediate")
    primary.start()

    until(lambda: "it was replaced" in failure(follower))
    assert follower.keys("card") == set()


@pytest.mark.e2e
def test_a_sidecar_on_a_replica_waits_for_what_was_written_to_the_primary(tmp_path: Path) -> None:
    root = copy_pack(tmp_path / "pack")
    with temporary_server() as primary, temporary_server() as replica:
        fill(primary, root)
        replica.copy(primary)
        bound = ("--min-revision-seconds", "2", "--max-staleness", "600")
        with following(root, replica.port, options=bound) as sidecar:
            assert reasons(sidecar) == []
            for role, expected in (("support", ["not_granted"]), ("admin", [])) * 3:
                becomes(sidecar, set_role(primary, role), expected)
            replica.execute("SELECT pg_wal_replay_pause()")
            written = set_role(primary, "support")
            assert reasons(sidecar, written) == ["stale_data"]
            assert reasons(sidecar) == [], "nobody has asked for more"
            replica.execute("SELECT pg_wal_replay_resume()")
            becomes(sidecar, written, ["not_granted"])

            kept = revision(sidecar)
            primary.stop("immediate")
            replica.promote()
            until(lambda: revision(sidecar)[:16] != kept[:16])
            becomes(sidecar, set_role(replica, "admin"), [])
            assert reasons(sidecar, written) == ["stale_data"]


@pytest.mark.e2e
def test_answers_from_a_replica_that_is_cut_off_become_stale(tmp_path: Path) -> None:
    """The replica answers each look, and knows no more of what its primary does."""
    root = copy_pack(tmp_path / "pack")
    with temporary_server() as primary, temporary_server() as replica:
        fill(primary, root)
        replica.copy(primary)
        replica.configure("wal_receiver_timeout = 2s")
        replica.stop()
        replica.start()
        with following(root, replica.port, options=("--max-staleness", "4")) as sidecar:
            becomes(sidecar, set_role(primary, "admin"), [])
            primary.stop("immediate")

            until(lambda: reasons(sidecar) == ["stale_data"])
            assert sidecar.ready()[0] == 503
