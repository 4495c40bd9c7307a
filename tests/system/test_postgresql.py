"""Facts of a real PostgreSQL server: what it commits is followed, whatever happens to it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Event, Thread, Timer

import psycopg
import pytest

from sidecar.errors import InvalidSnapshotError, SourceError
from sidecar.facts import MountFaults, build, read_directory
from sidecar.facts.sources import LookState, Position
from sidecar.facts.sources.mapping import default_mapping
from sidecar.facts.sources.postgresql import PostgresqlSource
from sidecar.facts.sources.postgresql_address import read_address
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.reload.wakeup import Wakeup
from sidecar.schema import Schema, read_schema
from tests.e2e.running import copy_pack, until
from tests.facts.following import Follower
from tests.facts.world import SCHEMA, mount
from tests.system.demo import becomes, fill, following, reasons, set_role
from tests.system.postgres import Proxy, Server, temporary_server

ROWS = """
INSERT INTO people VALUES ('ann', 'Ann@Acme.example', 'bob', 'gone', NULL),
  ('bob', 'bob@acme.example', NULL, NULL, NULL), ('cy', 'cy@acme.example', 'bob', NULL, 8);
INSERT INTO teams VALUES ('core', 'ann', 750.00, true, '{Acme.example}', '{edge}');
INSERT INTO teams (id, founder) VALUES ('edge', 'bob');
INSERT INTO seats VALUES ('bob', 'core', 'helper', 'held', NULL),
  ('cy', 'edge', 'none', 'left', NULL);
INSERT INTO cards VALUES ('ann');
"""
NUMBERS = count(1)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    path = tmp_path_factory.mktemp("fixtures") / "schema.yaml"
    path.write_text(SCHEMA)
    return read_schema(path)


def prepare(server: Server, schema: Schema, *, notify: bool = False) -> None:
    server.create()
    server.start()
    server.execute("CREATE ROLE reader LOGIN PASSWORD 'one'; CREATE ROLE writer LOGIN PASSWORD 'w'")
    server.execute("CREATE DATABASE facts TEMPLATE template0")
    server.execute(
        postgresql_ddl(schema, default_mapping(schema), "reader", notify=notify), "facts"
    )
    server.execute(ROWS, "facts")


@pytest.fixture(scope="module")
def shared(schema: Schema) -> Iterator[Server]:
    with temporary_server() as server:
        prepare(server, schema)
        yield server


class Database:
    """A database of a server, the file of the sidecar's password, and its followers."""

    def __init__(self, server: Server, name: str, schema: Schema, password: Path) -> None:
        self.server = server
        self.name = name
        self.schema = schema
        self.password = password
        self.password.write_text("one\n")
        self._followers: list[Follower] = []

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        return self.server.execute(statement, self.name)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return self.server.connect(self.name)

    def follower(self, *ports: int, options: str = "") -> Follower:
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports or (self.server.port,))
        url = f"postgresql://reader@{hosts}/{self.name}?password_file={self.password}"
        url += ("&target_session_attrs=read-write" if len(ports) > 1 else "") + options
        mapping = default_mapping(self.schema)
        source = PostgresqlSource(read_address(url), self.schema, mapping)
        self._followers.append(Follower(source, self.schema))
        return self._followers[-1]

    def close(self) -> None:
        for follower in self._followers:
            follower.source.close()


@pytest.fixture
def database(shared: Server, schema: Schema, tmp_path: Path) -> Iterator[Database]:
    """A copy of the prepared database."""
    name = f"facts{next(NUMBERS)}"
    shared.execute(f"CREATE DATABASE {name} TEMPLATE facts")
    database = Database(shared, name, schema, tmp_path / "password")
    yield database
    database.close()
    shared.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def follower(database: Database) -> Follower:
    follower = database.follower()
    follower.look()
    return follower


def failure(follower: Follower) -> str:
    """Return why a look is not completed; empty if it is."""
    try:
        follower.look()
    except SourceError as error:
        return str(error)
    return ""


def recovers(follower: Follower) -> bool:
    """Return whether a look is completed."""
    return not failure(follower)


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
        ("DELETE FROM cards", "card", set()),
        ("UPDATE cards SET person = 'cy'", "card", {"cy"}),
        ("UPDATE seats SET team = 'edge'", "seat", {("bob", "edge"), ("cy", "edge")}),
        ("TRUNCATE cards", "card", set()),
        ("TRUNCATE cards; INSERT INTO cards VALUES ('cy')", "card", {"cy"}),
        ("SET session_replication_role = replica; DELETE FROM cards", "card", set()),
        (
            "INSERT INTO cards VALUES ('ann') ON CONFLICT (person) DO UPDATE SET person = 'bob'",
            "card",
            {"bob"},
        ),
    ],
)
def test_changes_are_followed_without_reading_anew(
    follower: Follower, database: Database, statement: str, name: str, keys: set[object]
) -> None:
    database.execute(statement)

    assert follower.look() is LookState.CHANGED
    assert follower.keys(name) == keys
    assert follower.readings == 1
    assert follower.look() is LookState.UNCHANGED


def test_rows_of_copy_are_followed(follower: Follower, database: Database) -> None:
    statement = "COPY people (id, email) FROM STDIN"
    with database.connect() as connection, connection.cursor().copy(statement) as copy:
        for number in range(20_000):
            copy.write_row((f"p{number}", f"p{number}@x.example"))

    follower.look()

    assert len(follower.keys("person")) == 20_003
    assert follower.readings == 1


def test_texts_with_any_sign_are_read_alike_at_first_and_as_changes(
    follower: Follower, database: Database
) -> None:
    texts = ["a\tb", "a\nb", "a\\b", "\\N", "ä%s", "a'b", 'a"b', "a{b,c}", "a\rb", "NULL"]
    with database.connect() as connection:
        for text in texts:
            connection.execute("INSERT INTO people (id, email) VALUES (%s, 'a@x.example')", (text,))
    follower.look()
    other = database.follower()
    other.look()

    assert follower.keys("person") == {"ann", "bob", "cy", *texts}
    assert follower.rows == other.rows
    assert follower.readings == 1


def test_a_transaction_that_commits_late_is_not_missed(
    follower: Follower, database: Database
) -> None:
    """Neither the order of ids nor the oldest running transaction decides what is new."""
    with database.connect() as early, database.connect() as late:
        early.execute("BEGIN; INSERT INTO cards VALUES ('bob')")
        late.execute("INSERT INTO cards VALUES ('cy')")
        follower.look()
        assert follower.keys("card") == {"ann", "cy"}
        late.execute("DELETE FROM cards WHERE person = 'cy'")
        follower.look()
        assert follower.keys("card") == {"ann"}

        early.execute("COMMIT")

    follower.look()
    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 1


def test_a_long_transaction_in_another_database_delays_nothing(
    follower: Follower, database: Database
) -> None:
    with database.server.connect() as other:
        other.execute("BEGIN; CREATE TABLE held (n int); SELECT pg_current_xact_id()")
        for number in range(20):
            database.execute(f"INSERT INTO people VALUES ('p{number}', 'p{number}@x.example')")
            follower.look()
            assert f"p{number}" in follower.keys("person")
        other.execute("ROLLBACK")

    assert follower.readings == 1


def test_subtransactions_and_prepared_transactions_are_followed(
    follower: Follower, database: Database
) -> None:
    with database.connect() as connection:
        connection.execute(
            "BEGIN; SAVEPOINT a; INSERT INTO cards VALUES ('bob'); RELEASE a; SAVEPOINT b;"
            " INSERT INTO cards VALUES ('cy'); ROLLBACK TO b; PREPARE TRANSACTION 'p'"
        )
    follower.look()
    assert follower.keys("card") == {"ann"}

    database.execute("COMMIT PREPARED 'p'")

    follower.look()
    assert follower.keys("card") == {"ann", "bob"}


def test_no_commit_of_concurrent_writers_is_missed(follower: Follower, database: Database) -> None:
    """After each look the rows are those of one moment, and in the end those of the database."""
    stop = Event()

    def write(number: int) -> None:
        with database.connect() as connection:
            for step in count():
                if stop.is_set():
                    return
                key = f"w{number}-{step % 7}"
                connection.execute(
                    f"BEGIN; INSERT INTO people VALUES ('{key}', 'a@x.example')"
                    " ON CONFLICT (id) DO UPDATE SET email = 'b@x.example';"
                    f" DELETE FROM people WHERE id = 'w{number}-{(step + 3) % 7}';"
                    f" SELECT pg_sleep({step % 3} / 300.0); COMMIT"
                )

    writers = [Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for _ in range(60):
        follower.look()
    stop.set()
    for writer in writers:
        writer.join()
    follower.look()
    other = database.follower()
    other.look()

    assert follower.rows == other.rows
    assert follower.readings == 1


def test_a_reading_never_sees_a_table_between_truncate_and_its_rows(
    follower: Follower, database: Database
) -> None:
    """TRUNCATE empties a table for snapshots from before it, too."""
    with database.connect() as connection:
        connection.execute("BEGIN; TRUNCATE cards; INSERT INTO cards VALUES ('bob')")
        reader = Thread(target=follower.read)
        reader.start()
        until(lambda: bool(database.execute("SELECT 1 FROM pg_locks WHERE NOT granted")))
        connection.execute("COMMIT")
        reader.join()

    assert follower.keys("card") == {"bob"}


def test_a_locked_table_delays_only_its_own_changes(follower: Follower, database: Database) -> None:
    with database.connect() as connection:
        connection.execute("BEGIN; TRUNCATE cards")
        database.execute("INSERT INTO teams (id, founder) VALUES ('new', 'ann')")
        follower.look()
        assert "new" in follower.keys("team")
        connection.execute("ROLLBACK")


def test_a_writers_token_is_reached_when_its_transaction_is_visible(
    follower: Follower, database: Database
) -> None:
    with database.connect() as early, database.connect() as late:
        early.execute("BEGIN; INSERT INTO cards VALUES ('bob')")
        ((token,),) = early.execute("SELECT sidecar.position()").fetchall()
        late.execute("INSERT INTO cards VALUES ('cy')")
        follower.look()
        assert follower.position is not None
        assert not follower.position.reached(str(token))
        early.execute("COMMIT")
    follower.look()

    assert follower.position.reached(str(token))


def test_a_token_of_a_transaction_without_facts_is_reached(
    follower: Follower, database: Database
) -> None:
    ((token,),) = database.execute("SELECT sidecar.position()")

    assert follower.look() is LookState.UNCHANGED
    assert follower.position is not None
    assert follower.position.reached(str(token))


def test_a_writer_needs_no_right_to_the_log(follower: Follower, database: Database) -> None:
    database.execute("GRANT INSERT ON cards TO writer")
    with psycopg.connect(
        host="127.0.0.1", port=database.server.port, user="writer", password="w",  # noqa: S106
        dbname=database.name,
    ) as connection:  # fmt: skip
        connection.execute("INSERT INTO cards VALUES ('bob')")
        connection.execute("SELECT sidecar.position()")

    follower.look()
    assert follower.keys("card") == {"ann", "bob"}


def test_pruning_keeps_what_present_sidecars_need(follower: Follower, database: Database) -> None:
    stored = follower.position
    for key in ("bob", "cy"):
        database.execute(f"INSERT INTO cards VALUES ('{key}')")
        database.execute("SELECT sidecar.prune('0 s')")
        follower.look()
    assert follower.readings == 1
    database.execute("SELECT sidecar.prune('0 s')")
    late = database.follower()
    late.rows, late.position = follower.rows, stored

    late.look()

    assert late.readings == 1
    assert late.keys("card") == {"ann", "bob", "cy"}
    ((rows,),) = database.execute("SELECT count(*) FROM sidecar.log")
    assert rows == 0


def test_pruning_does_not_reach_a_transaction_that_is_open(
    follower: Follower, database: Database
) -> None:
    with database.connect() as early:
        early.execute("BEGIN; INSERT INTO cards VALUES ('bob')")
        for _ in range(3):
            database.execute("SELECT sidecar.prune('0 s')")
            database.execute("UPDATE people SET badge = 1 WHERE id = 'cy'")
            follower.look()
        early.execute("COMMIT")
    follower.look()

    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 1


def test_a_look_does_not_read_a_long_log(database: Database) -> None:
    """One large transaction tells the planner nothing about the next ones."""
    database.execute(
        "INSERT INTO sidecar.log (type, key) SELECT 'card', ARRAY[n::text]"
        " FROM generate_series(1, 200000) n; ANALYZE sidecar.log"
    )
    follower = database.follower()
    follower.look()
    scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relid = 'sidecar.log'::regclass"
    before = database.execute(scans)
    for number in range(3):
        database.execute(f"INSERT INTO people VALUES ('p{number}', 'p@x.example')")
        follower.look()
        follower.look()
    follower.source.close()
    backends = "SELECT 1 FROM pg_stat_activity WHERE usename = 'reader'"
    until(lambda: not database.execute(backends))  # which have then reported what they did

    assert database.execute(scans) == before


@pytest.mark.parametrize(
    "statement",
    [
        """ALTER TABLE cards DISABLE TRIGGER sidecar_card_cards_change; DELETE FROM cards;
           ALTER TABLE cards ENABLE ALWAYS TRIGGER sidecar_card_cards_change""",
        "ALTER TABLE people ADD COLUMN more text",
    ],
)
def test_a_change_of_the_shape_is_read_anew(
    follower: Follower, database: Database, statement: str
) -> None:
    database.execute(statement)

    follower.look()

    assert follower.readings == 2


@pytest.mark.parametrize(
    ("statement", "message", "mend"),
    [
        ("DROP TABLE cards", 'relation "cards" does not exist', "CREATE TABLE cards (person text)"),
        (
            "ALTER TABLE people RENAME COLUMN email TO mail",
            r"people: cannot be read: column source\.email does not exist",
            "ALTER TABLE people RENAME COLUMN mail TO email",
        ),
        (
            "REVOKE SELECT ON cards FROM reader; DELETE FROM cards",
            "permission denied for table cards",
            "GRANT SELECT ON cards TO reader",
        ),
        (
            "DROP TRIGGER sidecar_card_cards_change ON cards",
            "cards: has no trigger `sidecar_card_cards_change`",
            "SELECT 1",
        ),
        (
            "ALTER TABLE cards ENABLE ROW LEVEL SECURITY; DELETE FROM cards",
            "would be affected by row-level security",
            "ALTER TABLE cards DISABLE ROW LEVEL SECURITY",
        ),
    ],
)
def test_what_cannot_be_read_is_reported_until_it_is_mended(
    follower: Follower, database: Database, statement: str, message: str, mend: str
) -> None:
    database.execute(statement)
    database.execute("UPDATE people SET badge = 1 WHERE id = 'cy'")

    for _ in range(2):
        with pytest.raises(SourceError, match=message):
            follower.look()
    database.execute(f"{mend}; GRANT SELECT ON cards TO reader")
    ddl = postgresql_ddl(follower.schema, default_mapping(follower.schema))
    database.execute(ddl[ddl.index("-- The change log") :])

    until(lambda: recovers(follower))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE people SET email = 'x' WHERE id = 'cy'", "row `cy`: column `email`: its value"),
        ("UPDATE teams SET founder = 'zz' WHERE id = 'edge'", "row `edge`: column `founder`: per"),
        ("UPDATE teams SET fee = 'NaN' WHERE id = 'edge'", "`NaN` is not a decimal"),
        (
            "INSERT INTO notes (id, role, until) VALUES ('n', 'none', 'infinity')",
            "`infinity` is no",
        ),
        ("INSERT INTO notes (id, role, until) VALUES ('n', 'none', '0044-03-15 BC')", "year 1"),
        (
            """ALTER TABLE notes ALTER until TYPE timestamp;
               INSERT INTO notes (id, role, until) VALUES ('n', 'none', now())""",
            "is not an instant with an offset",
        ),
        ("ALTER TABLE people ALTER email TYPE bytea USING email::bytea", "`email` is binary"),
        ("ALTER TABLE teams ALTER open TYPE int USING open::int", "`1` is not a boolean"),
    ],
)
def test_a_fault_names_table_and_key(database: Database, statement: str, message: str) -> None:
    database.execute(statement)
    follower, faults = database.follower(), MountFaults()

    with follower.source.read(faults) as reading, pytest.raises(InvalidSnapshotError) as refused:
        build(database.schema, reading.tables, faults)

    assert message in str(refused.value)


def test_the_word_of_a_trigger_ends_the_wait(schema: Schema, tmp_path: Path) -> None:
    with temporary_server() as server:
        prepare(server, schema, notify=True)
        database = Database(server, "facts", schema, tmp_path / "password")
        follower = database.follower()
        follower.look()
        timer = Timer(0.5, database.execute, ("TRUNCATE cards",))
        timer.start()
        begin = time.monotonic()

        follower.source.wait(20.0, Wakeup())

        assert time.monotonic() - begin < 15
        timer.join()
        follower.look()
        assert follower.keys("card") == set()
        database.close()


def test_a_killed_connection_is_made_anew(follower: Follower, database: Database) -> None:
    database.execute("INSERT INTO cards VALUES ('bob')")
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'"
    )

    until(lambda: recovers(follower))

    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 1


def test_a_black_hole_is_noticed_and_outlived(database: Database) -> None:
    proxy = Proxy(database.server.port)
    follower = database.follower(proxy.port)
    follower.look()
    proxy.swallow()
    begin = time.monotonic()
    with pytest.raises(SourceError, match="the server has been silent for 4 s"):
        follower.look()
    with pytest.raises(SourceError, match="cannot be read: "):
        follower.look()
    assert time.monotonic() - begin < 20
    database.execute("INSERT INTO cards VALUES ('bob')")
    proxy.restore()

    until(lambda: recovers(follower))
    follower.source.close()
    proxy.close()

    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 1


def test_a_password_may_rotate(database: Database) -> None:
    follower = database.follower()
    follower.look()
    database.execute("ALTER ROLE reader PASSWORD 'two'")
    try:
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'"
        )
        until(lambda: "password authentication failed" in failure(follower))
        database.password.write_text("two\n")
        until(lambda: recovers(follower))
    finally:
        database.execute("ALTER ROLE reader PASSWORD 'one'")


@pytest.fixture
def own(schema: Schema, tmp_path: Path) -> Iterator[Database]:
    """A database on a server of its own, which the test may stop."""
    with temporary_server() as server:
        prepare(server, schema)
        database = Database(server, "facts", schema, tmp_path / "password")
        yield database
        database.close()


def test_a_stopped_process_is_noticed_and_outlived(own: Database) -> None:
    follower = own.follower()
    follower.look()
    own.server.signal_all(signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(SourceError, match="the server has been silent for 4 s"):
        follower.look()
    assert time.monotonic() - begin < 10
    own.server.signal_all(signal.SIGCONT)
    own.execute("INSERT INTO cards VALUES ('bob')")

    until(lambda: recovers(follower))

    assert follower.keys("card") == {"ann", "bob"}
    assert follower.readings == 1


@pytest.mark.parametrize(("mode", "readings"), [("fast", 1), ("immediate", 2)])
def test_a_restart_is_caught_up_and_a_crash_is_read_anew(
    own: Database, mode: str, readings: int
) -> None:
    """A crash can give the id of a transaction that was never on disk to another one."""
    follower = own.follower()
    follower.look()
    own.execute("INSERT INTO cards VALUES ('bob')")
    own.server.stop(mode)
    with pytest.raises(SourceError, match="cannot be read: "):
        follower.look()
    own.server.start()
    own.execute("INSERT INTO cards VALUES ('cy')")

    until(lambda: recovers(follower))

    assert follower.keys("card") == {"ann", "bob", "cy"}
    assert follower.readings == readings


def test_a_promoted_replica_that_lost_rows_is_read_anew(own: Database) -> None:
    with ExitStack() as stack:
        replica, primary = stack.enter_context(temporary_server()), own.server
        replica.copy(primary)
        follower = own.follower(primary.port, replica.port)
        follower.look()
        until(lambda: bool(primary.execute("SELECT 1 FROM pg_stat_replication")))
        replica.execute("SELECT pg_wal_replay_pause()")
        own.execute("INSERT INTO cards VALUES ('bob')")
        ((token,),) = own.execute("SELECT sidecar.position()")
        follower.look()
        assert follower.keys("card") == {"ann", "bob"}
        position = follower.position
        replica.stop()
        own.execute("INSERT INTO cards VALUES ('cy')")
        follower.look()
        primary.stop("immediate")
        replica.start()
        replica.promote()
        replica.execute("INSERT INTO people VALUES ('di', 'd@x.example')", "facts")

        until(lambda: recovers(follower))

        assert follower.readings == 2
        assert "di" in follower.keys("person")
        assert "cy" not in follower.keys("card")
        assert position is not None
        assert isinstance(follower.position, Position)
        assert follower.position.epoch.split("-")[1] == "00000002"
        assert not follower.position.reached(str(token))


def test_a_server_of_another_authority_is_refused(own: Database, tmp_path: Path) -> None:
    server = own.server
    certificate = server.data / "server.crt"
    for target in (certificate, tmp_path / "other.crt"):
        names = ["-subj", "/CN=db", "-addext", "subjectAltName=IP:127.0.0.1"]
        key = target.with_suffix(".key")
        files = ["-keyout", str(key), "-out", str(target)]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names, *files]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603
        key.chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(certificate.with_suffix(".key"), "postgres", "postgres")
    server.configure("ssl = on")
    server.stop()
    server.start()

    def follower(root: Path) -> Follower:
        return own.follower(options=f"&sslmode=verify-full&sslrootcert={root}")

    assert failure(follower(certificate)) == ""
    assert "certificate verify failed" in failure(follower(tmp_path / "other.crt"))


@pytest.mark.e2e
def test_callers_see_what_the_database_commits(tmp_path: Path) -> None:
    """A writer demotes an admin, and its next request is judged by what it wrote."""
    root = copy_pack(tmp_path / "pack")
    with temporary_server() as server:
        fill(server, root)
        with following(root, server.port) as sidecar:
            assert reasons(sidecar) == []
            becomes(sidecar, set_role(server, "support"), ["not_granted"])
            becomes(sidecar, set_role(server, "admin"), [])
