"""How long after a commit decisions see it: a sidecar on PostgreSQL, and one caller that asks.

    python -m bench.visible --memberships 100000 --rounds 200

It starts a server of its own (Debian's package `postgresql`) and a sidecar with two workers, first
with triggers alone, then with those that notify. A membership changes, and a caller asks without
a pause until the decision has changed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import uniform
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from sidecar.config.settings import Settings
from sidecar.facts.sources import default_mapping
from sidecar.facts.sources.postgresql_ddl import postgresql_ddl
from sidecar.schema import read_schema
from tests.system.postgres import Server, temporary_server

_QUESTION = b'{"subject": "user:u1", "action": "numbers.edit", "resource": "account:a1"}'
_PORT = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memberships", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    schema = read_schema(Settings().fixtures / "schema.yaml")
    mapping = default_mapping(schema)
    with temporary_server() as server, TemporaryDirectory() as directory:
        server.create()
        server.start()
        server.execute("CREATE ROLE reader LOGIN PASSWORD 'one'")
        server.execute(postgresql_ddl(schema, mapping, "reader"))
        _fill(server, options.memberships)
        with _sidecar(Path(directory), server.port) as port:
            for notify in (False, True):
                ddl = postgresql_ddl(schema, mapping, notify=notify)
                server.execute(ddl[ddl.index("-- The change log") :])
                _wait(port)
                delays = sorted(_delays(server, port, options.rounds))
                kind = "with NOTIFY" if notify else "without NOTIFY"
                p99 = quantiles(delays, n=100)[98]
                print(
                    f"{kind:15} p50 {1000 * median(delays):.1f} ms,"
                    f" p99 {1000 * p99:.1f} ms, max {1000 * delays[-1]:.1f} ms"
                )


_ROWS = (
    (
        "INSERT INTO users (id, email)"
        " SELECT 'u' || n, 'u' || n || '@x.example' FROM generate_series(1, %s) n"
    ),
    (
        "INSERT INTO accounts (id, owner, plan, monthly_commitment, contract, contract_ends)"
        " SELECT 'a' || n, 'u2', 'committed', 750, 'annual', '2040-01-01T00:00:00Z'"
        " FROM generate_series(1, 1 + %s / 10) n"
    ),
    (
        'INSERT INTO memberships (account, "user", role, status)'
        " SELECT 'a' || (1 + n / 10), 'u' || n, 'admin', 'active' FROM generate_series(1, %s) n"
    ),
)


def _fill(server: Server, count: int) -> None:
    with server.connect() as connection:
        for statement in _ROWS:
            connection.execute(statement, (count,))
        connection.execute("ANALYZE")


@contextmanager
def _sidecar(directory: Path, database: int) -> Iterator[int]:
    (directory / "password").write_text("one")
    url = f"postgresql://reader@127.0.0.1:{database}/postgres?password_file={directory}/password"
    command = [sys.executable, "-m", "sidecar", "serve", "--port", "0", "--admin", "off"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603
            [*command, "--data", url, "--store", str(directory / "store")],
            stderr=log,
            env=dict(os.environ),
        )
    try:
        while not (found := _PORT.search((directory / "log").read_text())):
            time.sleep(0.1)
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory / "store", ignore_errors=True)


def _wait(port: int) -> None:
    """Wait until the sidecar answers from the facts as they are."""
    while True:
        time.sleep(1.0)
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            try:
                if _allows(connection):
                    time.sleep(2.0)
                    return
            except (HTTPException, OSError):
                continue


def _allows(connection: HTTPConnection) -> bool:
    connection.request("POST", "/v1/authorize", _QUESTION, {"Content-Type": "application/json"})
    return b'"decision":true' in connection.getresponse().read().replace(b" ", b"")


def _delays(server: Server, port: int, rounds: int) -> Iterator[float]:
    """Yield the seconds from each commit until a decision sees it."""
    with server.connect() as writer, closing(HTTPConnection("127.0.0.1", port)) as caller:
        for number in range(rounds):
            role = "admin" if number % 2 else "support"
            time.sleep(uniform(0.05, 0.25))  # noqa: S311  at any moment between two looks
            writer.execute(
                "UPDATE memberships SET role = %s WHERE account = 'a1' AND \"user\" = 'u1'", (role,)
            )
            committed = time.monotonic()
            while _allows(caller) != (role == "admin"):
                pass
            yield time.monotonic() - committed


if __name__ == "__main__":
    main()
