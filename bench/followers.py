"""Many sidecars that follow one PostgreSQL server: what they cost it, and when the last one knows.

    python -m bench.followers --followers 100 --seconds 30

It starts a server of its own (Debian's package `postgresql`). Each follower is a thread with the
code that a sidecar's follower runs for a source: a look every 0.1 s, spread by a quarter, and the
rows of what has changed. A writer commits one change every half second.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from random import uniform
from socket import socketpair
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Thread

from sidecar.config.settings import Settings
from sidecar.facts import MountFaults
from sidecar.facts.sources import LookState, Position, default_mapping
from sidecar.facts.sources.postgresql import PostgresqlSource
from sidecar.facts.sources.postgresql_address import read_address
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.schema import Schema, read_schema
from tests.system.postgres import Server, temporary_server

PROCESSES = 4
"""Among which the followers are divided."""
LOOK_SECONDS, CHANGE_SECONDS = 0.1, 0.5
_ROWS = 10_000
_MARK = re.compile(r"mark(\d+)@")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Followers:
    """What the processes share."""

    url: str
    schema: Schema
    seen: SynchronizedArray[float]
    """For each follower and each change when it was seen."""
    changes: int

    def run(self, numbers: range) -> None:
        """Follow in one thread for each number, until the process is ended."""
        threads = [Thread(target=self._follow, args=(number,), daemon=True) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _follow(self, number: int) -> None:
        source = PostgresqlSource(read_address(self.url), self.schema, default_mapping(self.schema))
        position: Position = source.look(None).position
        nobody, _other = socketpair()  # nobody wakes this follower up
        while True:
            source.wait(LOOK_SECONDS * uniform(0.75, 1.25), nobody)  # noqa: S311  not a secret
            look = source.look(position)
            if look.state is LookState.UNCHANGED:
                position = look.position
                continue
            with source.changes(position, MountFaults()) as changes:
                tables = {} if changes is None else changes.tables
                for each in tables.values():
                    for _, cells in each.table.rows:
                        if mark := _MARK.match(str(cells.get("email"))):
                            moment = time.monotonic()
                            self.seen[number * self.changes + int(mark[1])] = moment
                position = position if changes is None else changes.position


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--notify", action="store_true", help="let the triggers wake the followers")
    options = parser.parse_args()
    schema = read_schema(Settings().fixtures / "schema.yaml")
    with temporary_server() as server, TemporaryDirectory() as directory:
        _prepare(server, schema, options.followers, notify=options.notify)
        password = Path(directory) / "password"
        password.write_text("one")
        url = f"postgresql://reader@127.0.0.1:{server.port}/postgres?password_file={password}"
        changes = int(options.seconds / CHANGE_SECONDS)
        context = get_context("fork")
        seen = context.Array("d", options.followers * changes)
        followers = Followers(url, schema, seen, changes)
        processes = [
            context.Process(
                target=followers.run,
                args=(range(start, options.followers, PROCESSES),),
                daemon=True,
            )
            for start in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader'"
        while server.execute(connected)[0][0] < options.followers:
            time.sleep(0.2)
        time.sleep(2.0)
        _measure(server, followers, options.followers)
        for process in processes:
            process.terminate()
            process.join()


def _prepare(server: Server, schema: Schema, followers: int, *, notify: bool) -> None:
    server.create()
    server.configure(f"max_connections = {followers + 50}")
    server.start()
    server.execute("CREATE ROLE reader LOGIN PASSWORD 'one'")
    server.execute(postgresql_ddl(schema, default_mapping(schema), "reader", notify=notify))
    with server.connect() as connection:
        connection.execute(
            "INSERT INTO users (id, email)"
            " SELECT 'u' || n, 'u' || n || '@x.example' FROM generate_series(1, %s) n",
            (_ROWS,),
        )
        connection.execute("ANALYZE")


def _measure(server: Server, followers: Followers, count: int) -> None:
    queries = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"
    with server.connect() as writer:
        began, before, used = time.monotonic(), _number(server, queries), _cpu_seconds(server)
        committed = []
        for change in range(followers.changes):
            writer.execute(
                "UPDATE users SET email = %s WHERE id = %s",
                (f"mark{change}@x.example", f"u{change + 1}"),
            )
            committed.append(time.monotonic())
            time.sleep(CHANGE_SECONDS)
        seconds = time.monotonic() - began
        used = _cpu_seconds(server) - used
        per_second = (_number(server, queries) - before) / seconds
    time.sleep(2.0)
    each, last, missed = [], [], 0
    for change, moment in enumerate(committed):
        seen = [followers.seen[n * followers.changes + change] for n in range(count)]
        missed += seen.count(0.0)
        delays = [each_seen - moment for each_seen in seen if each_seen]
        each += delays
        last.append(max(delays))
    print(f"followers                     {count}")
    print(f"changes                       {len(committed)}, not seen by a follower: {missed}")
    print(f"transactions a second         {per_second:.0f}")
    print(f"CPU of the server             {100 * used / seconds:.0f} % of one core")
    print(f"a follower knows (p50, p99)   {_ms(median(each))}, {_ms(quantiles(each, n=100)[98])}")
    print(f"the last one knows (p50, max) {_ms(median(last))}, {_ms(max(last))}")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _number(server: Server, statement: str) -> int:
    return int(server.execute(statement)[0][0])


def _cpu_seconds(server: Server) -> float:
    """Return the CPU time of all processes of a server that run now."""
    parent = int((server.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    ticks = 0
    for pid in [str(parent), *children]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


if __name__ == "__main__":
    main()
