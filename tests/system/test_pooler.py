"""A pooler in transaction mode between the sidecar and PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from sidecar.schema import Schema
from tests.e2e.running import until
from tests.system.postgres import Server, free_port, temporary_server
from tests.system.test_postgresql import Database, failure, prepare, recovers, schema

__all__ = ["schema"]

POOLER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")


@pytest.fixture
def server(schema: Schema) -> Iterator[Server]:
    with temporary_server() as server:
        prepare(server, schema)
        yield server


@pytest.fixture
def port(server: Server) -> Iterator[int]:
    """The port of a pooler with two connections to the server, which it gives in turn."""
    assert POOLER is not None, "`make test-system` installs it"
    port, directory = free_port(), server.directory
    (directory / "users").write_text('"reader" "one"\n')
    (directory / "pooler.ini").write_text(
        f"[databases]\nfacts = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {directory}/users\npool_mode = transaction\n"
        "default_pool_size = 2\nserver_round_robin = 1\n"
    )
    user = {"user": "postgres"} if os.getuid() == 0 else {}
    with (directory / "pooler.log").open("w") as log:
        process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
            [POOLER, str(directory / "pooler.ini")], stdout=log, stderr=log, **user
        )
    yield port
    process.terminate()
    process.wait()


def test_facts_are_followed_through_a_pooler(
    server: Server, port: int, schema: Schema, tmp_path: Path
) -> None:
    """Nothing depends on a session: each transaction may be on another connection."""
    database = Database(server, "facts", schema, tmp_path / "password")
    followers = [database.follower(port) for _ in range(3)]
    stop = Event()

    def write() -> None:
        with database.connect() as connection:
            for step in count():
                if stop.is_set():
                    return
                connection.execute(
                    "INSERT INTO people VALUES (%s, 'a@x.example')"
                    " ON CONFLICT (id) DO UPDATE SET email = 'b@x.example'",
                    (f"w{step % 5}",),
                )
                connection.execute("DELETE FROM people WHERE id = %s", (f"w{step % 3}",))

    for follower in followers:
        until(lambda follower=follower: recovers(follower))  # type: ignore[misc]
    writer = Thread(target=write)
    writer.start()
    for _ in range(40):
        for follower in followers:
            follower.look()
    stop.set()
    writer.join()
    direct = database.follower()
    direct.look()
    for follower in followers:
        follower.look()
        assert follower.rows == direct.rows
        assert follower.readings == 1

    server.stop()
    assert failure(followers[0])
    server.start()
    database.execute("DELETE FROM cards")
    until(lambda: recovers(followers[0]) and followers[0].keys("card") == set())
    assert followers[0].readings == 1
    database.close()
