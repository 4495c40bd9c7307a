"""What the change log costs writers of PostgreSQL: pgbench without triggers, with, with NOTIFY.

    python -m bench.writers --rounds 3 --seconds 10

It starts a server of its own (Debian's package `postgresql`), which forces commits to the disk as
servers do. The three kinds alternate, so that the ratios hold on a machine that others use too.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from statistics import median

from sidecar.config.settings import Settings
from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl, trigger_names
from sidecar.schema import read_schema
from tests.system.postgres import BINARIES, Server, temporary_server

MEMBERSHIPS = 100_000
_FACT = "UPDATE memberships SET role = 'support' WHERE account = 'a' || :n;\n"
_SCRIPTS = {
    "a transaction that changes one fact, and nothing else": _FACT,
    "pgbench's own transaction (TPC-B) that changes one fact, too": (
        "\\set aid random(1, 1000000)\n\\set bid random(1, 10)\n\\set tid random(1, 100)\n"
        "\\set delta random(-5000, 5000)\nBEGIN;\n"
        "UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;\n"
        "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
        "UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;\n"
        "UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;\n"
        "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime)"
        " VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);\n"
        f"{_FACT}COMMIT;\n"
    ),
}
_RATE = re.compile(r"tps = ([0-9.]+)")


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    with temporary_server() as server:
        _prepare(server)
        for name, script in _SCRIPTS.items():
            file = server.directory / "script"
            file.write_text(f"\\set n random(1, {MEMBERSHIPS})\n{script}")
            rates: dict[str, list[float]] = {}
            for _ in range(options.rounds):
                for kind in ("without", "with triggers", "with NOTIFY"):
                    _switch(server, kind)
                    rates.setdefault(kind, []).append(_rate(server, str(file), options.seconds))
            base = median(rates["without"])
            print(f"{name}:")
            for kind, found in rates.items():
                rate = median(found)
                print(f"  {kind:15} {rate:8.0f} tps  {100 * (rate / base - 1):+6.1f} %")


def _prepare(server: Server) -> None:
    server.create()
    server.configure("fsync = on\nsynchronous_commit = on\nautovacuum = off")
    server.start()
    schema = read_schema(Settings().fixtures / "schema.yaml")
    server.execute(postgresql_ddl(schema, default_mapping(schema)))
    server.run(
        "pgbench", "-i", "-q", "-s", "10", "-h", str(server.directory), "-p", str(server.port),
        "-U", "postgres", "postgres",
    )  # fmt: skip
    numbers = f"FROM generate_series(1, {MEMBERSHIPS}) n"
    users = f"INSERT INTO users (id, email) SELECT 'u' || n, 'u' || n || '@x.example' {numbers}"
    rows = f"SELECT 'a' || n, 'u' || n, 'admin', 'active' {numbers}"
    memberships = f'INSERT INTO memberships (account, "user", role, status) {rows}'
    with server.connect() as connection:
        for statement in (users, memberships, "VACUUM ANALYZE"):
            connection.execute(statement.encode())


def _switch(server: Server, kind: str) -> None:
    """Let the changes be logged, or not."""
    schema = read_schema(Settings().fixtures / "schema.yaml")
    mapping = default_mapping(schema)
    ddl = postgresql_ddl(schema, mapping, notify=kind == "with NOTIFY")
    server.execute(ddl[ddl.index("-- The change log") :])
    if kind == "without":
        for table, name in trigger_names(mapping):
            server.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER "{name}"')
    server.execute("TRUNCATE sidecar.log; CHECKPOINT")


def _rate(server: Server, script: str, seconds: int) -> float:
    """Return the transactions a second of four clients."""
    user = {"user": "postgres"} if os.getuid() == 0 else {}
    command = [
        str(BINARIES[-1] / "pgbench"), "-n", "-c", "4", "-j", "2", "-T", str(seconds), "-f", script,
        "-h", str(server.directory), "-p", str(server.port), "-U", "postgres", "postgres",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=True, **user)  # type: ignore[call-overload]  # noqa: S603
    return float(_RATE.findall(run.stdout)[-1])


if __name__ == "__main__":
    main()
